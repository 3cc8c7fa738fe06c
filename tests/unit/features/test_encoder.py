"""Extractors `sec` and `tec`: levels, identity, bad parameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mfsn.errors import ConfigError, RangeError
from mfsn.features.config import EncoderConfig
from mfsn.features.extractors.encoder import EncoderExtractor, SecExtractor, TecExtractor

MakeCheckpoint = Callable[..., Path]
Waves = npt.NDArray[np.float32]
SAMPLES = 8_000


def make(folder: Path, samples: int = SAMPLES, **more: Any) -> EncoderExtractor:
    values = {"model": str(folder), "levels": {"low": 1, "high": -1}} | more
    return SecExtractor(EncoderConfig.parse(values, "params.yaml: sec"), 16_000, samples)


def batch(waves: Waves) -> tuple[Waves, npt.NDArray[np.int64]]:
    return waves[:8], np.full(8, SAMPLES)


def test_levels_become_arrays_in_their_order(make_checkpoint: MakeCheckpoint, waves: Waves) -> None:
    extractor = make(make_checkpoint(), levels={"bottom": 0, "top": 2})
    assert [(a.name, a.shape, a.dims) for a in extractor.arrays] == [
        ("bottom", (24, 16), ("frame", "feature")),
        ("top", (24, 16), ("frame", "feature")),
    ]
    rows = extractor.extract(*batch(waves))
    assert {name: (v.shape, v.dtype) for name, v in rows.items()} == {
        "top": ((8, 24, 16), np.dtype(np.float16)),
        "bottom": ((8, 24, 16), np.dtype(np.float16)),
    }


def test_three_seconds_are_149_frames(make_checkpoint: MakeCheckpoint) -> None:
    assert make(make_checkpoint(), samples=48_000).arrays[0].shape == (149, 16)


def test_the_last_level_by_either_name_is_the_same_row(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint()
    by_end, by_number = (make(folder, levels={"high": i}).parameters for i in (-1, 2))
    assert by_end == by_number


def test_parameters_hold_no_names_and_no_places(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint()
    extractor = make(folder)
    assert str(folder) not in repr(extractor.parameters)
    assert extractor.about["config"]["model"] == str(folder)
    assert set(extractor.parameters) == {
        "weights", "config", "preprocessor", "levels", "precision", "dtype",
    }  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"precision": "bfloat16"}, {"dtype": "float32"}, {"levels": {"low": 0, "high": 2}}]
)
def test_what_is_stored_is_part_of_the_parameters(
    make_checkpoint: MakeCheckpoint, change: dict[str, Any]
) -> None:
    folder = make_checkpoint()
    assert make(folder).parameters != make(folder, **change).parameters


def test_about_names_the_kind_of_weights(make_checkpoint: MakeCheckpoint, store: Path) -> None:
    assert make(make_checkpoint()).about["weights"] == "pretrained"
    assert make(Path("random/data2vec-audio-demo")).about["weights"] == "random weights"


def test_sec_and_tec_differ_in_name_only(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint()
    config = EncoderConfig(model=str(folder), levels={"last": -1})
    sec, tec = (kind(config, 16_000, SAMPLES) for kind in (SecExtractor, TecExtractor))
    assert (sec.name, tec.name) == ("sec", "tec")
    assert sec.parameters == tec.parameters


@pytest.mark.parametrize("index", [3, -4])
def test_a_level_out_of_range_names_the_range(make_checkpoint: MakeCheckpoint, index: int) -> None:
    with pytest.raises(ConfigError, match=rf"sec.levels.mid is {index}, .* hidden states 0 to 2 "):
        make(make_checkpoint(), levels={"low": 1, "mid": index})


def test_another_sample_rate_is_refused(make_checkpoint: MakeCheckpoint) -> None:
    with pytest.raises(ConfigError, match=r"sec.model .* hears 8000 Hz, .* is 16000"):
        make(make_checkpoint(rate=8_000))


def test_a_segment_needs_a_frame(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint()
    assert make(folder, samples=400).arrays[0].shape == (1, 16)
    with pytest.raises(ConfigError, match="needs 400 samples for a frame, but a segment has 399"):
        make(folder, samples=399)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("valid", [0, 1, 399, 400])
def test_nearly_empty_segments_give_finite_rows(
    make_checkpoint: MakeCheckpoint, waves: Waves, mask: bool, valid: int
) -> None:
    extractor = make(make_checkpoint("data2vec-audio", mask=mask))
    padded, samples = waves[:8].copy(), np.full(8, SAMPLES)
    padded[3, valid:], samples[3] = 0, valid
    rows = extractor.extract(padded, samples)
    assert all(np.isfinite(values).all() for values in rows.values())


def test_loudness_of_the_whole_clip_is_normalised_away(
    make_checkpoint: MakeCheckpoint, waves: Waves
) -> None:
    extractor = make(make_checkpoint(), dtype="float32")
    loud, quiet = (
        extractor.extract(gain * waves[:8], batch(waves)[1])["high"] for gain in (1, 0.5)
    )
    assert np.allclose(loud, quiet, atol=1e-3)


def test_a_checkpoint_that_does_not_normalise_hears_loudness(
    make_checkpoint: MakeCheckpoint, waves: Waves
) -> None:
    folder = make_checkpoint("data2vec-audio")
    config = folder / "preprocessor_config.json"
    config.write_text(config.read_text().replace('"do_normalize": true', '"do_normalize": false'))
    extractor = make(folder, dtype="float32")
    loud, quiet = (extractor.extract(g * waves[:8], batch(waves)[1])["high"] for g in (1, 0.001))
    assert np.abs(loud - quiet).max() > 0.1


def test_an_activation_beyond_float16_is_refused(
    make_checkpoint: MakeCheckpoint, waves: Waves
) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_checkpoint()
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layers.0.final_layer_norm.bias"][0] = 1e5
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(RangeError, match=r"sec low: .* does not fit float16 .* to float32"):
        make(folder).extract(*batch(waves))
    rows = make(folder, dtype="float32").extract(*batch(waves))
    assert rows["low"].max() > 65504
