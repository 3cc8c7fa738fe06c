// Playing the whole utterance, or one segment of it.
const audio = byId("audio");
const STOP_EARLY_S = 0.01;
let until = Infinity;
let address = null;

function showSound(detail) {
  audio.pause();
  if (address) URL.revokeObjectURL(address);
  address = detail.sound
    ? URL.createObjectURL(new Blob([bytesOf(detail.sound)], { type: "audio/mpeg" }))
    : null;
  audio.hidden = !address;
  if (address) audio.src = address;
  else audio.removeAttribute("src");
  byId("silence").textContent = address
    ? "" : `The recording is left out (licence: ${detail.facts.licence}).`;
  byId("segments").replaceChildren(...(address ? segmentButtons(detail) : []));
  movePlayhead();
}

function segmentButtons(detail) {
  return detail.starts_s.map((_, number) => {
    const [from, to] = segmentTimes(detail, number);
    const text = `▶ #${number}: ${from.toFixed(1)}–${to.toFixed(1)} s`;
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => playSegment(number));
    return button;
  });
}

function segmentTimes(detail, number) {
  const from = detail.starts_s[number];
  return [from, Math.min(from + detail.segment_s, detail.duration_s)];
}

function playSegment(number) {
  if (!address || number >= state.detail.starts_s.length) return;
  const [from, to] = segmentTimes(state.detail, number);
  play(from, number + 1 < state.detail.starts_s.length ? to : Infinity);
}

function play(from, to) {
  audio.currentTime = from;
  until = to;
  audio.play().catch((error) => {
    if (error.name !== "AbortError") byId("silence").textContent = `No sound: ${error.message}`;
  });
}

function playOrPause() {
  if (!address) return;
  if (audio.paused) play(audio.ended ? 0 : audio.currentTime, Infinity);
  else audio.pause();
}

function follow() {
  if (audio.currentTime >= until - STOP_EARLY_S) audio.pause();
  movePlayhead();
  if (!audio.paused) requestAnimationFrame(follow);
}

audio.addEventListener("play", () => requestAnimationFrame(follow));
// The browser looks at the time once a picture, and later where it is busy: sound that went on
// beyond the end of the segment does not count.
audio.addEventListener("pause", () => {
  if (audio.currentTime >= until - STOP_EARLY_S) audio.currentTime = until;
  until = Infinity;
});
audio.addEventListener("seeked", () => movePlayhead());
