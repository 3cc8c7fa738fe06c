// The list of utterances: filters, order, and moving to the previous or next one.
const list = byId("list");
const search = byId("search");
const filters = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, byId(`by-${kind}`)]));
const ORDERS = {
  corpus: ["corpus order", () => 0],
  id: ["id", (one, other) => compare(one.utterance_id, other.utterance_id)],
  longest: ["longest first", (one, other) => other.duration_s - one.duration_s],
  ...(index.dimensions.length ? {
    far: ["furthest from the label first", (one, other) => (other.error ?? -1) - (one.error ?? -1)],
  } : {
    wrong: ["most confidently wrong first", (one, other) => wrongness(other) - wrongness(one)],
    unsure: ["least confident first", (one, other) => (one.confidence ?? 2) - (other.confidence ?? 2)],
  }),
};
const compare = (one, other) => (one < other ? -1 : Number(one > other));
const wrongness = (utterance) => (utterance.outcome === "wrong" ? utterance.confidence : -1);
let rows = [];

function prepareList() {
  byId("by-outcome").hidden = !filters.outcome;
  for (const [kind, select] of Object.entries(filters)) {
    const counted = KINDS[kind]
      .map((name) => [name, all.filter((utterance) => utterance[kind] === name).length])
      .filter(([, count]) => count);
    const options = counted.map(([name, count]) => [name, `${name} (${count})`]);
    fillChoice(select, [["", `any ${kind}`], ...options], "");
    select.addEventListener("change", showList);
  }
  fillChoice(byId("order"), Object.entries(ORDERS).map(([name, [text]]) => [name, text]), "corpus");
  byId("order").addEventListener("change", showList);
  search.addEventListener("input", showList);
  rows = all.map(row);
}

function row(utterance) {
  const { utterance_id: id, outcome } = utterance;
  const facts = `${utterance.emotion}, ${utterance.speaker}, ${utterance.duration_s.toFixed(1)} s`;
  const node = make("li", { id: `row-${utterance.number}`, role: "option", "aria-selected": "false",
    title: id, "aria-label": `${id}: ${facts}, ${said(utterance)}` },
    dot("emotion", utterance.emotion),
    make("span", { className: "id" }, utterance.short),
    make("span", { className: "said" }, facts),
    make("span", { className: `outcome ${outcome}` }, said(utterance)));
  node.addEventListener("click", () => choose(utterance.number));
  return node;
}

function said({ predicted, confidence, outcome, values }) {
  if (values) return values.map(share).join(" · ");
  const mark = outcome === "right" ? "✓" : "✗";
  return predicted === null ? "no prediction" : `${mark} ${predicted} ${share(confidence)}`;
}

function showList() {
  const wanted = search.value.trim().toLowerCase();
  const fits = (utterance) => utterance.text.includes(wanted) && Object.entries(filters)
    .every(([kind, select]) => !select.value || utterance[kind] === select.value);
  const [, order] = ORDERS[byId("order").value];
  state.visible = all.filter(fits).sort(order);
  list.replaceChildren(...state.visible.map((utterance) => rows[utterance.number]));
  byId("count").textContent = `${state.visible.length} of ${all.length} utterances`;
  markVisible();
}

function markChosen(before, now) {
  rows[before]?.setAttribute("aria-selected", "false");
  rows[now].setAttribute("aria-selected", "true");
  showInList(rows[now]);
  list.setAttribute("aria-activedescendant", rows[now].id);
}

// Scrolls only the list: on a narrow page the reader may be far below it.
function showInList(node) {
  const [outer, inner] = [list.getBoundingClientRect(), node.getBoundingClientRect()];
  if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top;
  if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
}

function step(by) {
  const place = state.visible.findIndex((utterance) => utterance.number === state.number);
  const next = state.visible[Math.max(0, place + by)];
  if (next) choose(next.number);
}
