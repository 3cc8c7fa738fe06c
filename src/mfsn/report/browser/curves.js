// The levels of the encoders over time: change, distances from the mean frame, and norms.
function curvesOf(detail, measure) {
  return Object.entries(detail.levels).filter(([, level]) => measure in level).map(([name, level], position) => {
    const { low, high, mean, data } = level[measure];
    const values = Array.from(bytesOf(data), (byte) => low + (byte / 255) * (high - low));
    return { name, mean, values, frames: values.length / detail.starts_s.length, colour: colourAt(position) };
  }).filter(({ frames }) => frames > 1); // one mean per segment makes no curve
}

const LETTER = 12;
const atTime = (detail, segment, share) => detail.starts_s[segment] + share * detail.segment_s;

// One line per segment, since each is encoded alone. Each curve is divided by its mean over real
// audio, so that all levels fit one axis.
function paintCurves(context, box, detail, curves) {
  const lines = curves.flatMap((curve) => detail.starts_s.map((_, segment) => lineOf(detail, curve, segment)));
  const heard = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const [low, high] = [heard.reduce((a, b) => Math.min(a, b), 0.95), heard.reduce((a, b) => Math.max(a, b), 1.05)];
  const y = (value) => box.height - 3 - ((value - low) / (high - low)) * (box.height - 6);
  for (const { colour, points } of lines) {
    context.beginPath();
    for (const [time, value] of points) context.lineTo((time / detail.end_s) * box.width, y(value));
    context.strokeStyle = resolved(colour);
    context.lineWidth = 1.4;
    context.stroke();
  }
  const marks = y(low) - y(1) < LETTER ? [1, high] : [low, 1, high];
  return marks.map((value) => [y(value), value.toFixed(2)]);
}

function lineOf(detail, { values, frames, mean, colour }, segment) {
  const points = Array.from({ length: frames }, (_, frame) => [
    atTime(detail, segment, (frame + 0.5) / frames), values[segment * frames + frame] / (mean || 1)]);
  return { colour, points: points.filter(([time]) => time < detail.duration_s) };
}

function legendOf(curves) {
  return curves.map((curve) => {
    const key = make("i", { className: "dot" });
    key.style.background = curve.colour;
    return make("span", { className: "key" }, key, `${curve.name} (mean ${curve.mean})`);
  });
}

// The time, such as `1.23 s`, the segments that hear it, and the change of each level at this time.
function readout(detail, curves, time) {
  const there = segmentsAt(detail, time);
  const levels = curves.map(({ name, values, frames }) => {
    const share = (time - detail.starts_s[there[0]]) / detail.segment_s;
    const frame = Math.min(frames - 1, Math.floor(share * frames));
    return `${name} ${values[there[0] * frames + frame].toPrecision(3)}`;
  });
  const heard = `segment ${there.map((number) => `#${number}`).join(" and ")}`;
  const change = levels.length ? [`change: ${levels.join(", ")}`] : [];
  return [seconds(time), heard, ...change].join(" · ");
}

// The last segment may begin before the one ahead of it ends; it is drawn over it, and comes first.
function segmentsAt(detail, time) {
  const there = [...detail.starts_s.keys()]
    .filter((number) => time >= detail.starts_s[number] && time < atTime(detail, number, 1));
  return there.length ? there.reverse() : [detail.starts_s.length - 1];
}
