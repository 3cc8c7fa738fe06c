"""A trained network that scores the segments of recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from mfsn import runtime
from mfsn.base.arrays import Float64
from mfsn.features.base import Extractor, Together
from mfsn.features.extraction.in_memory import Recording, Span, extract_each
from mfsn.training.data.loading import make_rows
from mfsn.training.loop import read_out
from mfsn.training.saved import load_network


class NetworkScorer:
    """Scores segments; see `mfsn.training.system.Scorer`."""

    def __init__(self, folder: Path, extractors: Mapping[str, Extractor | Together]) -> None:
        self._saved = load_network(folder)
        self._device = runtime.device()
        self._saved.network.to(self._device)
        self._extractors = extractors

    def spans(self, recording: Recording) -> list[Span]:
        """Its segments."""
        return recording.segments

    def __call__(self, group: Sequence[Recording]) -> Float64:
        """What the network says of each segment."""
        arrays = extract_each(self._extractors, group)
        rows = make_rows(
            arrays,
            [str(number) for number, recording in enumerate(group) for _ in recording.segments],
            np.concatenate([r.segment.audible(r.valid_S) for r in group]),
            group[0].segment.samples,
            self._device,
        )
        everything = torch.arange(sum(len(r.segments) for r in group))
        of_level = read_out(self._saved.network, rows, everything)
        read_S: Float64 = of_level[self._saved.level].numpy()
        return read_S
