"""The MFCC path: coefficients in, one vector per segment out (CA-MSER, models/ser_model.py).

Shapes: B batch, M MFCC frames, K coefficients, N features, E output.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mfsn.models.config import ModelConfig
from mfsn.models.inputs import keep_valid


class MfccEncoder(nn.Module):
    """L2-normalised frames, BiLSTM, then h_m = ReLU(Linear(dropout(all frames side by side)))."""

    def __init__(self, config: ModelConfig, frames: int, coefficients: int, outputs: int) -> None:
        """Make the path with random weights.

        Args:
            config: sizes and variants.
            frames: M; fixed, since the projection reads all frames side by side.
            coefficients: K.
            outputs: E.
        """
        super().__init__()
        hidden, both = config.mfcc_hidden, 2 * config.mfcc_hidden
        inputs = [coefficients] + [both] * (config.mfcc_layers - 1)
        # One module per layer, and nn.Dropout between: the dropout inside a stacked nn.LSTM keeps a
        # state of its own on a GPU, which a resumed training could not restore.
        lstm = partial(nn.LSTM, hidden_size=hidden, batch_first=True, bidirectional=True)
        self.layers = nn.ModuleList(lstm(size) for size in inputs)
        self.between = nn.Dropout(config.mfcc_dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.project = nn.Linear(frames * both, outputs)

    def forward(self, mfcc_BMK: Tensor, valid_BM: Tensor) -> Tensor:
        """h_m, [B, E].

        Frames that do not count are zero at the input and at the output of the BiLSTM. Its backward
        direction still starts at the last frame.

        Args:
            mfcc_BMK: frames by coefficients.
            valid_BM: bool, the frames that count.
        """
        hidden_BMN = normalize(keep_valid(mfcc_BMK, valid_BM), dim=-1)
        for depth, lstm in enumerate(self.layers):
            hidden_BMN, _ = lstm(self.between(hidden_BMN) if depth else hidden_BMN)
        hidden_BMN = keep_valid(hidden_BMN, valid_BM)
        return torch.relu(self.project(self.dropout(hidden_BMN.flatten(1))))
