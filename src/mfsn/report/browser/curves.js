// The levels of the encoders over time: norms, and distances from the mean frame.
function curvesOf(detail, measure) {
  return Object.entries(detail.levels).map(([name, level], position) => {
    const { low, high, data } = level[measure];
    const mean = level[`${measure}_mean`];
    const values = Array.from(bytesOf(data), (byte) => low + (byte / 255) * (high - low));
    return { name, mean, values, colour: colourAt(position) };
  }).filter(({ values }) => values.length > detail.segments); // one mean per segment makes no curve
}

// Each curve is divided by its mean over real audio, so that all levels fit one axis.
function paintCurves(context, box, detail, curves) {
  const real = (curve) => curve.values.slice(0, Math.ceil(
    (detail.duration_s / (detail.segments * detail.segment_s)) * curve.values.length));
  const relative = curves.flatMap((curve) => real(curve).map((value) => value / (curve.mean || 1)));
  const [low, high] = [Math.min(...relative, 0.95), Math.max(...relative, 1.05)];
  const y = (value) => box.height - 3 - ((value - low) / (high - low)) * (box.height - 6);
  for (const curve of curves) {
    context.beginPath();
    curve.values.forEach((value, frame) => {
      const x = ((frame + 0.5) / curve.values.length) * box.width;
      context.lineTo(x, y(value / (curve.mean || 1)));
    });
    context.strokeStyle = resolved(curve.colour);
    context.lineWidth = 1.4;
    context.stroke();
  }
  return [low, 1, high].map((value) => [y(value), value.toFixed(2)]);
}

function legendOf(curves) {
  return curves.map((curve) => {
    const key = make("i", { className: "dot" });
    key.style.background = curve.colour;
    return make("span", { className: "key" }, key, `${curve.name} (mean ${curve.mean})`);
  });
}

// The time, such as `1.23 s`, the segment, and the norm of each level at this time.
function readout(detail, curves, time) {
  const total = detail.segments * detail.segment_s;
  const levels = curves.map(({ name, values }) => {
    const frame = Math.min(values.length - 1, Math.floor((time / total) * values.length));
    return `${name} ${values[frame].toPrecision(4)}`;
  });
  const segment = Math.min(detail.segments - 1, Math.floor(time / detail.segment_s));
  const norms = levels.length ? [`norms: ${levels.join(", ")}`] : [];
  return [seconds(time), `segment #${segment}`, ...norms].join(" · ");
}
