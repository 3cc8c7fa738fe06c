// Waveform, spectrogram, MFCC and levels, one below the other, on one time axis.
const GUTTER = 46;
const stack = byId("stack");
const cursor = make("div", { className: "line cursor", hidden: true });
const playhead = make("div", { className: "line playhead", hidden: true });
const magma = bytesOf(index.colours);
let shown = { change: [], images: {} };

async function openPanels(detail) {
  shown = { change: [], images: {} };
  const names = ["spectrogram", "mfcc"];
  const images = await Promise.all(names.map((name) => Promise.all(detail[name].map(coloured))));
  if (state.detail !== detail) return; // the reader has chosen another one meanwhile
  shown.images = Object.fromEntries(names.map((name, position) => [name, images[position]]));
  showPanels();
}

async function coloured(base64) {
  const bitmap = await createImageBitmap(new Blob([bytesOf(base64)], { type: "image/webp" }));
  const canvas = make("canvas", { width: bitmap.width, height: bitmap.height });
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    const grey = 3 * pixels.data[at];
    pixels.data.set(magma.subarray(grey, grey + 3), at);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function showPanels() {
  const { detail } = state;
  if (!detail) return;
  shown.change = curvesOf(detail, "change");
  const norms = curvesOf(detail, "norm");
  const { spectrogram = [], mfcc = [] } = shown.images;
  const khz = (bins) => (bins * detail.bin_hz) / 1000;
  const decibels = index.scale_db.map((level) => Math.round(level)).join(" to ");
  stack.replaceChildren(
    panel("Waveform", [`peak ${detail.peak.toFixed(3)}`], 70, (...box) => paintWave(...box, detail)),
    panel("Spectrogram", [`${decibels} dB, kHz`], 150, images(spectrogram, khz), spectrogram.length),
    panel("MFCC", ["coefficients in standard deviations, ±3"], 90, images(mfcc, (n) => n), mfcc.length),
    levelPanel("Change: 1 − cosine similarity to the frame before", detail, shown.change),
    levelPanel("Distance from the utterance’s mean frame", detail, curvesOf(detail, "distance")),
    ...(norms.length ? [levelPanel("Norm of each frame, where it varies", detail, norms)] : []),
    timeAxis(detail), cursor, playhead);
  movePlayhead();
}

const levelPanel = (title, detail, curves) => panel(title, curves.length ? ["divided by its mean", ...legendOf(curves)] : [], 80,
  (...box) => paintCurves(...box, detail, curves), curves.length > 0, why(detail));

const why = (detail) => (Object.keys(detail.levels).length
  ? "the frames of each segment were averaged (frames: mean)" : "not extracted yet");

function panel(title, extras, height, paint, there = true, otherwise = "not extracted yet") {
  const caption = make("figcaption", {}, make("b", {}, title), ...extras);
  if (!there) return make("figure", {}, caption, make("p", { className: "none" }, otherwise));
  const canvas = make("canvas", { role: "img", "aria-label": title });
  const figure = make("figure", {}, caption, canvas);
  const context = fitted(canvas, height);
  const box = { width: width(), height };
  context.translate(GUTTER, 0);
  for (const [y, text] of paint(context, box)) label(context, -6, y, text, "right", height);
  paintBorders(context, box);
  return figure;
}

const width = () => Math.max(120, stack.clientWidth - GUTTER);

function fitted(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  set(canvas, { width: (width() + GUTTER) * ratio, height: height * ratio });
  canvas.style.width = `${width() + GUTTER}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

function label(context, x, y, text, align, height) {
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = resolved("var(--muted)");
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(text, x, Math.min(Math.max(y, 6), height - 6));
}

function paintWave(context, box, detail) {
  const ends = new Int8Array(bytesOf(detail.wave).buffer);
  const points = ends.length / 2;
  const y = (value) => box.height / 2 - (value / 127) * (box.height / 2 - 3);
  context.fillStyle = resolved("var(--accent)");
  for (let point = 0; point < points; point += 1) {
    const [top, bottom] = [y(ends[2 * point + 1]), y(ends[2 * point])];
    context.fillRect((point / points) * box.width, top, box.width / points + 0.3, Math.max(1, bottom - top));
  }
  return [[box.height / 2, "0"]];
}

function images(canvases, unit) {
  return (context, box) => {
    const { detail } = state;
    const scale = box.width / detail.end_s;
    canvases.forEach((canvas, number) => {
      const left = detail.starts_s[number] * scale;
      context.drawImage(canvas, left, 0, detail.segment_s * scale, box.height);
    });
    const top = unit(canvases[0].height);
    return [[box.height, "0"], [box.height / 2, `${top / 2}`], [0, `${top}`]];
  };
}

// Shades the padding, and draws dashed lines between segments.
function paintBorders(context, box) {
  const { detail } = state;
  const scale = box.width / detail.end_s;
  context.fillStyle = resolved("var(--padding)");
  const end = detail.duration_s * scale;
  context.fillRect(end, 0, box.width - end, box.height);
  context.strokeStyle = resolved("var(--muted)");
  context.lineWidth = 1;
  context.setLineDash([4, 3]);
  for (const start of detail.starts_s.slice(1)) {
    const x = Math.round(start * scale) + 0.5;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, box.height);
    context.stroke();
  }
}

function timeAxis(detail) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  const context = fitted(canvas, 18);
  const total = detail.end_s;
  const most = width() / 60;
  const every = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 600].find((by) => total / by <= most) ?? 3600;
  for (let tick = 0; tick * every <= total + 1e-9; tick += 1) {
    const time = tick * every;
    const align = time + every > total + 1e-9 ? "right" : "center";
    label(context, GUTTER + (time / total) * width(), 9, `${+time.toFixed(1)} s`, align, 18);
  }
  return canvas;
}

function placeLine(line, time) {
  const { detail } = state;
  line.style.left = `${GUTTER + (time / detail.end_s) * width()}px`;
  line.hidden = false;
}

function movePlayhead() {
  playhead.hidden = true;
  if (state.detail?.sound && audio.currentTime > 0) placeLine(playhead, audio.currentTime);
}

function timeAt(event) {
  const x = event.clientX - stack.getBoundingClientRect().left - GUTTER;
  const time = (x / width()) * state.detail.end_s;
  return x >= 0 && x <= width() ? time : null;
}

stack.addEventListener("mousemove", (event) => {
  const time = state.detail && timeAt(event);
  cursor.hidden = time === null;
  if (time === null) return;
  placeLine(cursor, time);
  byId("readout").textContent = readout(state.detail, shown.change, time);
});
stack.addEventListener("mouseleave", () => { cursor.hidden = true; });
stack.addEventListener("click", (event) => {
  const time = event.target.tagName === "CANVAS" ? timeAt(event) : null;
  if (address && time !== null && time < state.detail.duration_s) play(time, Infinity);
});
