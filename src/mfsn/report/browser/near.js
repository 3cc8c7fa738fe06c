// The nearest neighbours of an utterance in each level.
function showNear(utterance) {
  const columns = Object.entries(index.neighbours)
    .map(([level, lists]) => nearColumn(level, lists[utterance.number], utterance));
  const what = `Cosine similarity of the mean frames without padding, among the utterances of this page.
    The mean over ${index.centred_over} utterances of the corpus is subtracted first, so 0 means: no more
    alike than any two recordings.`;
  byId("near").replaceChildren(make("h3", {}, "Nearest neighbours"),
    ...(columns.length
      ? [make("p", { className: "note" }, what), make("div", { className: "levels" }, ...columns)]
      : [make("p", { className: "none" }, "The features of no encoder are extracted yet.")]));
}

function nearColumn(level, near, utterance) {
  const alike = (name) => near.filter(([other]) => all[other][name] === utterance[name]).length;
  const counts = near.length
    ? `${alike("emotion")} of ${near.length} have the same emotion, ${alike("speaker")} the same speaker`
    : "no other utterance";
  return make("div", {}, make("h4", {}, level), make("p", { className: "note" }, counts),
    make("ol", {}, ...near.map(([other, cosine]) => nearItem(all[other], cosine))));
}

function nearItem(other, cosine) {
  const button = make("button", { type: "button", title: other.utterance_id,
    "aria-label": `${other.utterance_id}, ${other.emotion}, similarity ${cosine.toFixed(3)}` },
    dot("emotion", other.emotion),
    make("span", { className: "id" }, other.short),
    make("span", { className: "said" }, cosine.toFixed(3)));
  button.addEventListener("click", () => {
    choose(other.number);
    byId("head").scrollIntoView({ block: "nearest" });
  });
  return make("li", {}, button);
}
