// All utterances of the page, and which one is shown.
const index = block("index");

const OUTCOMES = ["right", "wrong", "undecided"];
const outcomeOf = (utterance) => {
  if (utterance.predicted === null) return "undecided";
  return utterance.predicted === utterance.emotion ? "right" : "wrong";
};

const all = index.utterances.map((utterance, number) => ({
  ...utterance,
  number,
  speaker: utterance.speaker ?? "unknown",
  outcome: outcomeOf(utterance),
  text: `${utterance.utterance_id}\n${utterance.transcript ?? ""}`.toLowerCase(),
}));

const distinct = (name) => [...new Set(all.map((utterance) => utterance[name]))].sort();
// Predicted values are neither right nor wrong, so they have no outcome.
const KINDS = { emotion: index.classes, speaker: distinct("speaker"),
  ...(index.dimensions.length ? {} : { outcome: OUTCOMES }) };

const OUTCOME_COLOURS = {
  right: "var(--right)", wrong: "var(--wrong)", undecided: "var(--muted)",
};
function colourOf(kind, name) {
  return kind === "outcome" ? OUTCOME_COLOURS[name] : colourAt(KINDS[kind].indexOf(name));
}

const state = { number: -1, detail: null, visible: all };

function dot(kind, name) {
  const node = make("i", { className: "dot", title: name });
  node.style.background = colourOf(kind, name);
  return node;
}
