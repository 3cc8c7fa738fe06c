"""What the end of an utterance does: how much its features depend on padding, and what tails score.

The demo's recordings go through its SEC encoder (random weights), in memory.

- For each `segment.tail`, a probe (logistic regression on the mean over frames, then over segments)
  is scored on five folds of two unheard voices each.
- For the ends of utterances, the mean over the valid frames is computed twice: padded to a segment
  of 3 s, and to one of 4 s. Their relative difference shows how much the padding decides.

Run it after `make repro`.
"""

from __future__ import annotations

import numpy as np
from demo import PROBE, ua  # type: ignore[import-not-found]

import mfsn
from mfsn.base.arrays import Float64
from mfsn.features.config import EncoderConfig
from mfsn.features.extraction.in_memory import Recording, extract_recordings, groups, load_recording
from mfsn.features.registry import make_extractor
from mfsn.segments.config import SegmentConfig
from mfsn.workspace import find_workspace

PADDED, LONGER = SegmentConfig(), SegmentConfig(duration_s=4.0)
TAILS = {
    "pad": PADDED,
    "drop_below_s, 0.5 s": SegmentConfig(tail="drop_below_s"),
    "drop_below_s, 1.0 s": SegmentConfig(tail="drop_below_s", drop_below_s=1.0),
    "overlap": SegmentConfig(tail="overlap"),
}
RATE_HZ = PADDED.sample_rate_hz
SEC = EncoderConfig(model="random/data2vec-audio-demo", levels={"high": 4}, frames="mean")
MEAN_OF = {
    config.samples: make_extractor("sec", SEC, RATE_HZ, config.samples)
    for config in (PADDED, LONGER)
}


def main() -> None:
    manifest = mfsn.load_manifest()
    folder = find_workspace() / "data/corpora/demo"
    print("| tail | segments | UA of a probe |\n|---|---|---|")
    for name, segment in TAILS.items():
        recordings = [load_recording(folder / path, segment, "") for path in manifest["path"]]
        means_ND = np.stack([own.mean(axis=0) for own in means(recordings)])
        count = sum(len(one.waves) for one in recordings)
        score = ua(PROBE, means_ND, manifest["emotion"].to_numpy(), manifest)
        print(f"| {name} | {count} | {100 * score:.1f} |")
    print_dependence([load_recording(folder / path, PADDED, "") for path in manifest["path"]])


def print_dependence(recordings: list[Recording]) -> None:
    """The relative difference between two paddings, by the length of the end."""
    ends = [one.waves[-1][: one.valid_S[-1]] for one in recordings]
    ends = [end for end in ends if len(end) < PADDED.samples]
    both = ([load_recording((end, RATE_HZ), c, "end") for end in ends] for c in (PADDED, LONGER))
    found = [
        (len(end) / RATE_HZ, np.linalg.norm(short - long) / np.linalg.norm(short))
        for end, short, long in zip(ends, *map(means, both), strict=True)
    ]
    print("\n| end | ends | relative difference, median | largest |\n|---|---|---|---|")
    for low, high in ((0.0, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 3.0)):
        own = [difference for length_s, difference in found if low <= length_s < high]
        if own:
            row = f"{len(own)} | {np.median(own):.3f} | {max(own):.3f}"
            print(f"| {low} to {high} s | {row} |")


def means(recordings: list[Recording]) -> list[Float64]:
    """The mean over the valid frames of each segment, (S, D) per recording."""
    found: list[Float64] = []
    for group in groups(recordings):
        rows = extract_recordings(MEAN_OF[group[0].segment.samples], group)["high"][:, 0]
        ends = np.cumsum([len(one.waves) for one in group])
        found += np.split(rows.astype(np.float64), ends[:-1])
    return found


if __name__ == "__main__":
    main()
