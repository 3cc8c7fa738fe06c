"""Loading encoders: what counts as the same, and what is refused, in one sentence."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mfsn.encoders.hub import find_folder
from mfsn.encoders.loading import load_encoder
from mfsn.errors import ConfigError, ModelLoadError

MakeCheckpoint = Callable[..., Path]


def edit_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_an_encoder_comes_ready_for_inference(make_checkpoint: MakeCheckpoint) -> None:
    encoder = load_encoder(str(make_checkpoint()), None)
    assert not encoder.model.training
    assert {p.dtype for p in encoder.model.parameters()} == {torch.float32}
    assert not encoder.random


@pytest.mark.parametrize("kind", ["wav2vec2", "data2vec-audio", "hubert", "wavlm"])
def test_the_wav2vec_family_loads(make_checkpoint: MakeCheckpoint, kind: str) -> None:
    assert load_encoder(str(make_checkpoint(kind)), None).config.model_type == kind


def test_random_weights_say_so(store: Path) -> None:
    assert load_encoder("random/wav2vec2-demo", None).random


def test_random_weights_say_so_as_a_local_folder_too(store: Path) -> None:
    folder = find_folder("random/wav2vec2-demo", None)
    assert load_encoder(str(folder), None).random


def test_loading_prints_nothing(
    make_checkpoint: MakeCheckpoint, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = as_ctc(make_checkpoint())
    capfd.readouterr()
    load_encoder(str(folder), None)
    assert capfd.readouterr() == ("", "")


# What is the same


def test_place_and_file_format_are_no_part_of_the_identity(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    folder = make_checkpoint()
    before = load_encoder(str(folder), None).identity()
    moved = folder.rename(tmp_path / "moved")
    torch.save(load_file(moved / "model.safetensors"), moved / "pytorch_model.bin")
    (moved / "model.safetensors").unlink()
    edit_json(moved / "config.json", transformers_version="5.0.0", architectures=["Other"])
    assert load_encoder(str(moved), None).identity() == before


def test_training_parameters_are_no_part_of_the_identity(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint()
    before = load_encoder(str(folder), None).identity()
    edit_json(
        folder / "config.json", mask_time_prob=0.3, hidden_dropout=0.5, ctc_zero_infinity=True
    )
    assert load_encoder(str(folder), None).identity() == before


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"layer_norm_eps": 0.5}),
        ("preprocessor_config.json", {"do_normalize": False}),
        ("preprocessor_config.json", {"return_attention_mask": True}),
    ],
)
def test_what_changes_the_computation_changes_the_identity(
    make_checkpoint: MakeCheckpoint, file: str, change: dict[str, Any]
) -> None:
    folder = make_checkpoint()
    before = load_encoder(str(folder), None).identity()
    edit_json(folder / file, **change)
    assert load_encoder(str(folder), None).identity() != before


def test_retraining_in_place_changes_the_identity(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint()
    before = load_encoder(str(folder), None).identity()
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layers.0.final_layer_norm.bias"][3] += 1e-6
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    after = load_encoder(str(folder), None).identity()
    assert after["weights"] != before["weights"]


# CTC checkpoints


def as_ctc(folder: Path) -> Path:
    """Turn a base checkpoint into one for ASR: with a head, without mask embedding."""
    weights = load_file(folder / "model.safetensors")
    ctc = {f"wav2vec2.{n}": w for n, w in weights.items() if n != "masked_spec_embed"}
    ctc |= {"lm_head.weight": torch.zeros(32, 16), "lm_head.bias": torch.zeros(32)}
    save_file(ctc, folder / "model.safetensors", {"format": "pt"})
    edit_json(folder / "config.json", architectures=["Wav2Vec2ForCTC"])
    return folder


def test_a_ctc_checkpoint_is_the_encoder_below_its_head(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint()
    before = load_encoder(str(folder), None).identity()
    as_ctc(folder)
    first, second = (load_encoder(str(folder), None).identity() for _ in range(2))
    assert first == before, "the head and the mask embedding do not matter"
    assert first == second, "what transformers draws for a missing embedding does not matter"


# What is refused


def test_missing_weights_are_refused(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint()
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layers.1.attention.k_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        ModelLoadError, match=r"1 of its weights are missing, first encoder\.layers\.1"
    ):
        load_encoder(str(folder), None)


class Malice:
    """Leaves a trace when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch trace",)


def test_a_pickle_is_refused_and_not_run(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = make_checkpoint()
    (folder / "model.safetensors").unlink()
    torch.save({"encoder": Malice()}, folder / "pytorch_model.bin", pickle_module=pickle)
    with pytest.raises(ModelLoadError, match="cannot be loaded as an audio encoder"):
        load_encoder(str(folder), None)
    assert not (tmp_path / "trace").exists()


def test_code_in_a_checkpoint_is_refused_and_not_run(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = make_checkpoint()
    (folder / "own.py").write_text("open('trace', 'w')\nclass OwnConfig: ...\n")
    edit_json(folder / "config.json", model_type="own", auto_map={"AutoConfig": "own.OwnConfig"})
    with pytest.raises(ModelLoadError):
        load_encoder(str(folder), None)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_folder_is_one_sentence(
    make_checkpoint: MakeCheckpoint, file: str, damage: str
) -> None:
    path = make_checkpoint() / file
    content = path.read_bytes()
    path.unlink() if damage == "missing" else path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelLoadError) as caught:
        load_encoder(str(path.parent), None)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(f"{path.parent} cannot be loaded as an audio encoder: ")
    assert sentence.endswith("a random-weight encoder such as random/wav2vec2-demo")


def test_an_encoder_of_other_spectrograms_is_refused(tmp_path: Path) -> None:
    from transformers import ASTConfig, SeamlessM4TFeatureExtractor

    ASTConfig().save_pretrained(tmp_path)
    SeamlessM4TFeatureExtractor().save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match=r"SeamlessM4T.* neither waveforms nor Whisper's spec"):
        load_encoder(str(tmp_path), None)


def test_another_encoder_decoder_is_refused(tmp_path: Path) -> None:
    from transformers import Speech2TextConfig, Speech2TextModel, Wav2Vec2FeatureExtractor

    tiny: dict[str, Any] = {"encoder_layers": 1, "decoder_layers": 1, "d_model": 8, "vocab_size": 8}
    heads: dict[str, Any] = {"encoder_attention_heads": 1, "decoder_attention_heads": 1}
    Speech2TextModel(Speech2TextConfig(**tiny, **heads)).save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match="Speech2TextModel is not an encoder of waveforms"):
        load_encoder(str(tmp_path), None)


def test_a_name_that_cannot_be_downloaded_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        ModelLoadError,
        match=r"nobody/nothing: it is not on this machine and the hub is out of reach; "
        r"run `hf download nobody/nothing --revision v1` .* or use .* random/wav2vec2-demo",
    ):
        load_encoder("nobody/nothing", "v1")


def test_a_cached_download_is_found_offline(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = tmp_path / "hub" / "models--some--encoder"
    (cached / "refs").mkdir(parents=True)
    (cached / "snapshots").mkdir()
    (cached / "refs" / "main").write_text("0" * 40)
    made = make_checkpoint()
    expected = load_encoder(str(made), None).identity()
    made.rename(cached / "snapshots" / ("0" * 40))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert load_encoder("some/encoder", None).identity() == expected


def test_a_folder_that_is_not_there_is_not_taken_for_a_download() -> None:
    with pytest.raises(ModelLoadError, match=r"\./nowhere: there is no such folder") as caught:
        load_encoder("./nowhere", None)
    assert "hf download" not in str(caught.value)


def test_a_revision_needs_a_hub_name(make_checkpoint: MakeCheckpoint) -> None:
    for name in (str(make_checkpoint()), "random/wav2vec2-demo"):
        with pytest.raises(ConfigError, match="has no revisions; set revision: null"):
            load_encoder(name, "main")
