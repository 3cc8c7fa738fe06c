// The map: the utterances of one level in two dimensions.
const METHODS = { tsne: "t-SNE", pca: "PCA" };
const REACH = 0.12;
const levelNames = Object.keys(index.maps);
const view = {
  level: levelNames.findLast((name) => name.startsWith("SEC")) ?? levelNames[0],
  method: "tsne",
  kind: "emotion",
};
const ring = shape("circle", { r: 0.045, class: "ring" });
let points = [];

function prepareMap() {
  const heading = make("h3", {}, "Map");
  if (!view.level) {
    const why = "No map: it needs an encoder's levels and at least five utterances that differ.";
    byId("map").replaceChildren(heading, make("p", { className: "none" }, why));
    return;
  }
  const change = (name) => (value) => { view[name] = value; showMap(); };
  const levels = levelNames.map((name) => [name, name]);
  const kinds = Object.keys(KINDS).map((name) => [name, `by ${name}`]);
  const controls = [
    choice("Level of the map", levels, view.level, change("level")),
    choice("Method of the map", Object.entries(METHODS), view.method, change("method")),
    choice("Colour of the map", kinds, view.kind, change("kind")),
  ];
  const picture = shape("svg", { viewBox: "-1.06 -1.06 2.12 2.12", id: "points", role: "img",
    "aria-label": "Map of the utterances" });
  points = all.map((utterance) => shape("circle", { r: 0.022 }, shape("title", {},
    `${utterance.utterance_id}: ${Object.keys(KINDS).map((kind) => utterance[kind]).join(", ")}`)));
  picture.append(...points, ring);
  picture.addEventListener("click", (event) => chooseNear(picture, event));
  byId("map").replaceChildren(heading, make("div", { className: "controls" }, ...controls),
    picture, make("p", { className: "note" }, "Each axis has its own scale, so compare who is near whom, not lengths."),
    make("p", { id: "legend" }));
  showMap();
}

const places = () => index.maps[view.level][view.method];

function showMap() {
  places().forEach(([x, y], number) => {
    points[number].setAttribute("cx", x);
    points[number].setAttribute("cy", -y);
    points[number].style.fill = colourOf(view.kind, all[number][view.kind]);
  });
  const used = new Set(all.map((utterance) => utterance[view.kind]));
  byId("legend").replaceChildren(...KINDS[view.kind].filter((name) => used.has(name))
    .map((name) => make("span", { className: "key" }, dot(view.kind, name), name)));
  markOnMap();
}

// Utterances that the filters of the list hide are faint on the map.
function markVisible() {
  const visible = new Set(state.visible.map((utterance) => utterance.number));
  points.forEach((point, number) => point.classList.toggle("faint", !visible.has(number)));
}

function markOnMap() {
  if (!view.level || state.number < 0) return;
  const [x, y] = places()[state.number];
  ring.setAttribute("cx", x);
  ring.setAttribute("cy", -y);
}

function chooseNear(picture, event) {
  const at = new DOMPoint(event.clientX, event.clientY)
    .matrixTransform(picture.getScreenCTM().inverse());
  const distances = state.visible.map(({ number }) => {
    const [x, y] = places()[number];
    return [Math.hypot(x - at.x, -y - at.y), number];
  });
  const [distance, number] = distances.sort((one, other) => one[0] - other[0])[0] ?? [Infinity];
  if (distance < REACH) choose(number);
}
