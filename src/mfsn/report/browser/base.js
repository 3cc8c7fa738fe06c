// Making nodes. Text from data always becomes text nodes, never markup.
const byId = (id) => document.getElementById(id);

function set(node, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
}

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  set(node, properties);
  node.append(...children);
  return node;
}

function shape(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function choice(label, options, chosen, onChange) {
  const select = make("select", { "aria-label": label });
  fillChoice(select, options, chosen);
  select.addEventListener("change", () => onChange(select.value));
  return select;
}

function fillChoice(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) =>
    make("option", { value, selected: value === chosen }, text)));
}

// The data of the page: blocks of JSON, which contain bytes as base64.
const block = (id) => JSON.parse(byId(id).textContent);
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

const seconds = (value) => `${value.toFixed(2)} s`;
const share = (value) => value.toFixed(2);

const SERIES = 8;
function colourAt(position) {
  return position < SERIES
    ? `var(--series-${position + 1})`
    : `hsl(${Math.round((position * 137.508) % 360)} 55% 52%)`;
}

// A canvas does not understand CSS variables.
const resolved = (colour) => colour.startsWith("var(")
  ? getComputedStyle(document.documentElement).getPropertyValue(colour.slice(4, -1)).trim()
  : colour;
