"""Random-weight checkpoints: made once, the same everywhere, and worth listening to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from mfsn.base.sealed import is_whole
from mfsn.encoders import random_weights as checkpoints
from mfsn.encoders.random_weights import RECIPES, Recipe, build, random_checkpoint
from mfsn.errors import ModelLoadError, StorageFullError

from_pipeline = ["data2vec-audio-demo", "hubert-demo", "wav2vec2-demo", "wavlm-demo"]
FORMER = ["data2vec-audio-demo-08958ceadda1", "wav2vec2-demo-3e902f7fa943"]


def test_a_checkpoint_is_a_folder_that_transformers_reads(store: Path) -> None:
    from transformers import AutoFeatureExtractor, AutoModel

    folder = random_checkpoint("wav2vec2-demo")
    assert folder.parent == store / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == [
        ".seal",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    assert AutoModel.from_pretrained(folder).config.hidden_size == RECIPES["wav2vec2-demo"].width
    assert AutoFeatureExtractor.from_pretrained(folder).sampling_rate == 16_000


def test_it_says_by_itself_that_its_weights_are_random(store: Path) -> None:
    config = json.loads((random_checkpoint("wav2vec2-demo") / "config.json").read_text())
    assert config["mfsn_random_weights"] == "wav2vec2-demo"


def test_it_is_made_once(store: Path) -> None:
    weights = random_checkpoint("wav2vec2-demo") / "model.safetensors"
    made = weights.stat().st_mtime_ns
    random_checkpoint("wav2vec2-demo")
    assert weights.stat().st_mtime_ns == made
    assert len(list((store / "checkpoints").iterdir())) == 1


@pytest.mark.parametrize("name", ["data2vec-audio-demo", "wavlm-demo", "whisper-demo"])
def test_two_makers_write_the_same_bytes(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    torch.manual_seed(1)
    first = random_checkpoint(name)
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "other"))
    torch.manual_seed(2)
    second = random_checkpoint(name)
    assert first.name == second.name
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_a_changed_recipe_gets_a_folder_of_its_own(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = random_checkpoint("wav2vec2-demo")
    changed = Recipe("wav2vec2", 48, 4, 4, 32, seed=99)
    monkeypatch.setitem(RECIPES, "wav2vec2-demo", changed)
    second = random_checkpoint("wav2vec2-demo")
    assert first != second
    name = "feature_extractor.conv_layers.0.conv.weight"
    weights = (load_file(folder / "model.safetensors")[name] for folder in (first, second))
    assert not np.array_equal(next(weights), next(weights))


def test_an_interrupted_maker_leaves_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(recipe: Recipe) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "build", fail)
    with pytest.raises(KeyboardInterrupt):
        random_checkpoint("wav2vec2-demo")
    assert list((store / "checkpoints").iterdir()) == []


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object, folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("transformers.PreTrainedModel.save_pretrained", fail)
    with pytest.raises(StorageFullError, match="no space left on the disk"):
        random_checkpoint("wav2vec2-demo")
    assert list((store / "checkpoints").iterdir()) == []


def test_a_slower_maker_leaves_the_faster_ones_checkpoint(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_while_another_finishes(recipe: Recipe) -> torch.nn.Module:
        monkeypatch.setattr(checkpoints, "build", build)
        finished.append(random_checkpoint("wav2vec2-demo"))
        return build(recipe)

    finished: list[Path] = []
    monkeypatch.setattr(checkpoints, "build", build_while_another_finishes)
    assert random_checkpoint("wav2vec2-demo") == finished[0]
    assert list((store / "checkpoints").iterdir()) == finished


def test_an_unknown_recipe_names_the_known_ones(store: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"random/unispeech-demo is not .* random/wav2"):
        random_checkpoint("unispeech-demo")
    assert not store.exists()


def test_checkpoints_of_former_versions_stay_where_they_are(store: Path) -> None:
    names = [random_checkpoint(name).name for name in ("data2vec-audio-demo", "wav2vec2-demo")]
    assert names == FORMER


def test_whisper_keeps_its_positions_and_hears_spectrograms(store: Path) -> None:
    from transformers import AutoFeatureExtractor, WhisperFeatureExtractor, WhisperModel

    folder = random_checkpoint("whisper-demo")
    assert isinstance(AutoFeatureExtractor.from_pretrained(folder), WhisperFeatureExtractor)
    fresh = WhisperModel(WhisperModel.from_pretrained(folder).config)
    positions = load_file(folder / "model.safetensors")["encoder.embed_positions.weight"]
    assert np.array_equal(positions, fresh.encoder.embed_positions.weight.detach().numpy())


def test_the_large_layout_has_its_norms_elsewhere_and_hears_a_mask() -> None:
    large = RECIPES["wav2vec2-large"]
    tiny = Recipe("wav2vec2", 16, 1, 2, 16, seed=1, layout="large")
    names = [name for name, _ in build(tiny).named_parameters()]
    assert "feature_extractor.conv_layers.6.layer_norm.weight" in names
    assert large.hears_mask
    assert not RECIPES["wav2vec2-base"].hears_mask
    assert large.config["do_stable_layer_norm"]


def test_the_base_recipes_have_the_published_sizes() -> None:
    from transformers import AutoConfig

    for name in ("data2vec-audio", "hubert", "wav2vec2", "wavlm"):
        published = AutoConfig.for_model(name)
        for field, value in RECIPES[f"{name}-base"].config.items():
            if field != "layerdrop":
                assert np.array_equal(getattr(published, field), np.asarray(value)), field


@pytest.fixture(scope="module", params=from_pipeline)
def hidden_states(
    request: pytest.FixtureRequest, waves: torch.Tensor
) -> Iterator[list[torch.Tensor]]:
    """Hidden states of the demo's encoders for thirteen sounds, normalised."""
    sounds = torch.as_tensor(waves)
    normal = (sounds - sounds.mean(1, keepdim=True)) / sounds.std(1, keepdim=True)
    with torch.inference_mode():
        yield build(RECIPES[request.param])(normal, output_hidden_states=True).hidden_states


def test_features_vary_over_time_at_every_level(hidden_states: list[torch.Tensor]) -> None:
    for hidden_BTD in hidden_states:
        assert hidden_BTD.std(dim=1).mean() > 0.2 * hidden_BTD.std()


def test_features_tell_sounds_apart_at_every_level(hidden_states: list[torch.Tensor]) -> None:
    for hidden_BTD in hidden_states:
        assert hidden_BTD.mean(dim=1).std(dim=0).mean() > 0.05 * hidden_BTD.std()


def test_features_follow_loudness(hidden_states: list[torch.Tensor], waves: torch.Tensor) -> None:
    """The level of each 20-ms frame can be read off every level of the encoder, linearly."""
    frames = torch.as_tensor(waves)[:, : 24 * 320].reshape(13, 24, 320)
    loudness = frames.square().mean(dim=2).sqrt().flatten().log()
    for hidden_BTD in hidden_states:
        features = torch.nn.functional.pad(hidden_BTD[:, :24], (0, 1), value=1.0).flatten(0, 1)
        fitted = features @ torch.linalg.lstsq(features, loudness[:, None]).solution
        unexplained = (loudness - fitted[:, 0]).var() / loudness.var()
        assert unexplained < 0.5


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("is_old", [False, True])
def test_a_checkpoint_with_a_flipped_bit_is_written_again(
    store: Path, caplog: pytest.LogCaptureFixture, name: str, is_old: bool
) -> None:
    """Also one of an older version, which has no seal."""
    folder = random_checkpoint("wav2vec2-demo")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    data = bytearray(before[name])
    data[len(data) * 3 // 4] ^= 4
    (folder / name).write_bytes(data)
    if is_old:
        (folder / ".seal").unlink()
    checkpoints._CHECKED.clear()  # as in another process
    assert random_checkpoint("wav2vec2-demo") == folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert caplog.messages == [f"{folder} is damaged; it is written again"]


def test_a_whole_checkpoint_of_an_older_version_is_kept_and_sealed(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = random_checkpoint("wav2vec2-demo")
    (folder / ".seal").unlink()
    config = folder / "config.json"
    older = re.sub('"transformers_version": "[^"]*"', '"transformers_version": "4.0"',
                   config.read_text())  # fmt: skip
    config.write_text(older)
    checkpoints._CHECKED.clear()
    random_checkpoint("wav2vec2-demo")
    assert config.read_text() == older
    assert is_whole(folder)
    assert not caplog.messages
