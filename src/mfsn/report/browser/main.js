// Choosing an utterance, and the keys; the page starts here.
function choose(number) {
  const utterance = all[number];
  markChosen(state.number, number);
  state.number = number;
  state.detail = block(`utterance-${number}`);
  history.replaceState(null, "", addressOf(utterance));
  byId("readout").textContent = "Point at a panel to see its values; click to play from there.";
  showHead(utterance, state.detail);
  showSound(state.detail);
  showDecision(utterance, state.detail);
  showNear(utterance);
  markOnMap();
  openPanels(state.detail);
}

const KEYS = {
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  " ": () => playOrPause(),
  "/": () => search.focus(),
};

// These elements use the keys themselves.
const TAKING = "input, select, audio";

function onKey(event) {
  const isTaken = event.target.closest(event.key === " " ? `${TAKING}, button` : TAKING);
  if (event.key === "Escape") document.activeElement.blur();
  if (isTaken || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = /^[1-9]$/.test(event.key) ? () => playSegment(event.key - 1) : KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

const addressOf = (utterance) => `#${encodeURIComponent(utterance.utterance_id)}`;

function fromAddress() {
  return Math.max(0, all.findIndex((utterance) => addressOf(utterance) === location.hash));
}

byId("notes").replaceChildren(...index.notes.map((note) =>
  make("p", { className: "warning", role: "note" }, note)));
prepareList();
prepareMap();
showList();
choose(fromAddress());
document.addEventListener("keydown", onKey);
window.addEventListener("hashchange", () => choose(fromAddress()));
new ResizeObserver(() => showPanels()).observe(byId("panels"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => showPanels());
