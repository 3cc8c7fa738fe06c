// What was decided, by which models, and what they said about each segment.
function showHead(utterance, detail) {
  const { facts } = detail;
  const said = ["speaker", "session", "gender", "licence"]
    .filter((name) => facts[name])
    .map((name) => `${name} ${facts[name]}`);
  byId("head").replaceChildren(
    make("h2", {}, facts.utterance_id),
    make("p", { className: "facts" }, dot("emotion", utterance.emotion),
      [`label ${facts.emotion}`, seconds(detail.duration_s), ...said].join(" · ")),
    ...(facts.transcript ? [make("blockquote", {}, facts.transcript)] : []));
}

function showDecision(utterance, detail) {
  const { decision, rating } = detail;
  if (rating) {
    showRating(rating);
    return;
  }
  const heading = make("h3", {}, "Decision");
  if (!decision) {
    const why = "No prediction: the utterance is in no test fold, or nothing is trained yet.";
    byId("decision").replaceChildren(heading, make("p", { className: "none" }, why));
    return;
  }
  const verdict = make("p", { className: `verdict ${utterance.outcome}` },
    `${decision.predicted}, ${utterance.outcome}`);
  const origin = make("p", { className: "note" }, `${decision.origin}; rule ${decision.rule}`);
  byId("decision").replaceChildren(heading, verdict, origin,
    bars(decision.posterior, utterance.emotion),
    ...(decision.votes.length > 1 ? [votes(decision.votes)] : []),
    ...ofSegments("Posterior of each segment", detail.segment_posteriors, segmentTable));
}

// Empty if the system reads whole utterances at once.
function ofSegments(title, segments, table) {
  return segments.length ? [make("h4", {}, title), table(segments)] : [];
}

function showRating({ label, predicted, segments, origin }) {
  const byDimension = (values) => index.dimensions.map((_, place) => values.map((row) => row[place]));
  const table = (rows) => valueTable(rows.map((_, number) => `#${number}`), byDimension(rows));
  byId("decision").replaceChildren(make("h3", {}, "Values"),
    make("p", { className: "note" }, origin),
    valueTable(["predicted", "label"], byDimension([predicted, label])),
    ...ofSegments("Predicted for each segment", segments, table));
}

// One row per dimension.
function valueTable(columns, values) {
  const head = columns.map((name) => make("th", { scope: "col" }, name));
  const body = index.dimensions.map((name, place) => make("tr", {},
    make("th", { scope: "row" }, name),
    ...values[place].map((value) => make("td", {}, share(value)))));
  return make("div", { className: "scroll" }, make("table", { className: "values" },
    make("thead", {}, make("tr", {}, make("td"), ...head)), make("tbody", {}, ...body)));
}

function bars(posterior, emotion) {
  const rowsOf = index.classes.map((name, position) => {
    const bar = make("span", { className: "bar" });
    const fill = make("span", { className: name === emotion ? "label" : "" });
    fill.style.width = `${100 * posterior[position]}%`;
    bar.append(fill);
    return make("tr", {}, make("th", { scope: "row" }, name === emotion ? `${name} (label)` : name),
      make("td", { className: "wide" }, bar), make("td", {}, share(posterior[position])));
  });
  return make("table", { className: "bars" }, make("tbody", {}, ...rowsOf));
}

function votes(each) {
  const body = each.map((vote) => make("tr", {}, ...[vote.fold, vote.seed, vote.predicted]
    .map((value) => make("td", {}, String(value)))));
  const head = ["fold", "seed", "predicted"].map((name) => make("th", { scope: "col" }, name));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
}

function segmentTable(posteriors) {
  const head = posteriors.map((_, number) => make("th", { scope: "col" }, `#${number}`));
  const body = index.classes.map((name, position) => make("tr", {},
    make("th", { scope: "row" }, name),
    ...posteriors.map((segment) => heatCell(segment[position]))));
  return make("div", { className: "scroll" }, make("table", { className: "heat" },
    make("thead", {}, make("tr", {}, make("td"), ...head)), make("tbody", {}, ...body)));
}

function heatCell(value) {
  const cell = make("td", { className: value > 0.6 ? "dark" : "" }, share(value));
  cell.style.setProperty("--share", `${Math.round(100 * value)}%`);
  return cell;
}
