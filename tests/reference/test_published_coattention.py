"""`segment.reading: as_published` beside the code of Co-attention, written again from the facts.

The other side uses librosa, numpy, scikit-learn, PIL, torchvision and transformers, and nothing of
mfsn: features of whole utterances, cut (facts 1.2, 1.3), scaled to pictures (1.4), into the
network (1.5) with the same weights.

Tolerances: 0.01 dB and 0.005 for MFCC, as in test_spectra_librosa.py (measured here: 0.003 and
0.0005); 0.05 dB where float16 stores levels; none for the encoder's waves and, of the same levels,
for the 8 bits of the pictures; 1e-4 for hidden states of unit scale (measured: 4e-6). Logits of the
same rows may differ by 1e-5 of their spread (measured: 1e-6), and from the audio files on by 2e-3
(measured: 6e-4): where levels differ in their last digits, one pixel in a hundred is cut off to the
next of 256 shades. Pictures that are not cut off at all would be 3e-3 away.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import librosa
import numpy as np
import numpy.typing as npt
import pandas as pd
import PIL.Image
import pytest
import sklearn.preprocessing
import soundfile
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torchvision import transforms
from transformers import AutoConfig, AutoModel, Wav2Vec2FeatureExtractor

from mfsn.corpora.config import LabelsConfig
from mfsn.features.base import Extractor
from mfsn.features.config import EncoderConfig, MfccConfig, SpectrogramConfig
from mfsn.features.extraction.extraction import extract
from mfsn.features.registry import make_extractor
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.models import inputs
from mfsn.models.config import ModelConfig
from mfsn.models.inputs import Features
from mfsn.models.network import SerNetwork, build_network
from mfsn.protocols.config import ProtocolConfig
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_corpus
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec
from mfsn.training.config import (
    OptimisationConfig,
    SearchConfig,
    SelectionConfig,
)
from mfsn.training.data.fold_data import TrainingData
from mfsn.training.data.loading import load_data
from mfsn.training.experiment import Experiment
from mfsn.training.system import get_system
from mfsn.workspace import Outputs

Array = npt.NDArray[np.float32]

pytestmark = pytest.mark.filterwarnings("ignore:n_fft=.* is too large for input:UserWarning")
"""librosa's, of the utterance that is shorter than a window."""

RATE_HZ, SAMPLES, FRAMES = 16_000, 48_000, 300
AS_PUBLISHED = SegmentConfig(reading="as_published")
LENGTHS = (90, 20_000, 48_000, 48_100, 100_000)
"""Samples: hardly any, one padded segment, one that is full and one after it (of no samples, and of
100), three segments."""
TRAINING = (20_000, 48_000)
"""The utterances that the scaling is fitted to."""
LEVEL_DB, LEVEL_16_BIT_DB, MFCC, UNIT = 0.01, 0.05, 0.005, 1e-4
SAME_ROWS, FROM_FILES = 1e-5, 2e-3


# The published side


@dataclass(frozen=True)
class Published:
    """The segments of one utterance. S segments."""

    spectrogram: Array
    """dB, (S, 200, 300)."""
    mfcc: Array
    """(S, 300, 40)."""
    wave: Array
    """Before it is normalised, (S, 48000)."""


def published(path: Path) -> Published:
    wave, rate = soundfile.read(path, dtype="float32")  # what librosa.load(sr=None) does
    assert rate == RATE_HZ
    wave = librosa.effects.preemphasis(wave, zi=[0.0])
    magnitude = np.abs(
        librosa.stft(wave, n_fft=800, hop_length=160, win_length=640, window="hamming")
    )
    level = librosa.amplitude_to_db(magnitude, ref=np.max)[:200]
    mfcc = librosa.feature.mfcc(y=wave, sr=rate, n_mfcc=40, hop_length=160, htk=True).T
    count = math.ceil((1 + len(wave) // 160) / FRAMES)
    frames = [slice(FRAMES * i, FRAMES * (i + 1)) for i in range(count)]
    pieces = [wave[SAMPLES * i : SAMPLES * (i + 1)] for i in range(count)]
    return Published(
        np.stack([_behind(level.T[own]).T for own in frames]),
        np.stack([_behind(mfcc[own]) for own in frames]),
        np.stack([np.pad(piece, (SAMPLES - len(piece), 0)) for piece in pieces]),
    )


def _behind(frames: Array) -> Array:
    return np.pad(frames, ((0, FRAMES - len(frames)), (0, 0)))


def published_pictures(training: Array, level: Array) -> Tensor:
    """Pictures of (S, 200, 300) levels, scaled by the training segments'."""
    scaler = sklearn.preprocessing.MinMaxScaler(feature_range=(0, 1))
    scaler.fit(training.transpose(0, 2, 1).reshape(-1, 200))
    scaled = scaler.transform(level.transpose(0, 2, 1).reshape(-1, 200))
    scaled = scaled.reshape(-1, FRAMES, 200).transpose(0, 2, 1)
    grey = (np.clip(scaled, 0.0, 1.0) * 255.0).astype(np.uint8)[:, ::-1]
    prepare = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )
    rgb = [np.repeat(one[:, :, None], 3, axis=-1) for one in grey]
    return torch.stack([prepare(PIL.Image.fromarray(one)) for one in rgb])


class PublishedNetwork(nn.Module):
    """Facts 1.5, evaluation only: dropout does nothing and is left out."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        alexnet = torchvision.models.alexnet(weights=None)
        self.features, self.pool = alexnet.features, alexnet.avgpool
        self.lstm = nn.LSTM(40, 256, num_layers=2, batch_first=True, bidirectional=True)
        self.spectrogram, self.mfcc = nn.Linear(9216, 128), nn.Linear(153_600, 128)
        self.frame_weights, self.wave = nn.Linear(256, 149), nn.Linear(width, 128)
        self.first, self.second, self.last = (
            nn.Linear(384, 128), nn.Linear(128, 128), nn.Linear(128, classes)
        )  # fmt: skip

    def forward(self, picture: Tensor, mfcc: Tensor, hidden: Tensor) -> Tensor:
        h_s = self.spectrogram(self.pool(self.features(picture)).flatten(1)).relu()
        h_m = self.mfcc(self.lstm(functional.normalize(mfcc, p=2, dim=2))[0].flatten(1)).relu()
        weights = self.frame_weights(torch.cat([h_s, h_m], dim=-1)).relu()[:, None]
        h_w = self.wave(torch.matmul(weights, hidden)[:, 0]).relu()
        joined = self.first(torch.cat([h_s, h_m, h_w], dim=-1)).relu()
        decided: Tensor = self.last(self.second(joined).relu())
        return decided


def with_weights_of(ours: SerNetwork, width: int, classes: int) -> PublishedNetwork:
    """The published network with the weights of one of mfsn."""
    of, renamed = ours.state_dict(), {}
    places = {
        "features": "acoustic.spectrogram.alexnet.features",
        "spectrogram": "acoustic.spectrogram.project",
        "mfcc": "acoustic.mfcc.project",
        "frame_weights": "encoders.coattention.frame_weights",
        "wave": "encoders.coattention.project",
        "first": "head.1",
        "second": "head.4",
        "last": "head.6",
    }
    for there, here in places.items():
        for name in (name for name in of if name.startswith(f"{here}.")):
            renamed[there + name.removeprefix(here)] = of[name]
    for name in (name for name in of if name.startswith("acoustic.mfcc.layers.")):
        layer, parameter = name.removeprefix("acoustic.mfcc.layers.").split(".")
        renamed[f"lstm.{parameter.replace('_l0', f'_l{layer}')}"] = of[name]
    network = PublishedNetwork(width, classes)
    network.load_state_dict(renamed)
    return network.eval()


# Our side


@dataclass(frozen=True)
class Corpus:
    """Utterances on disk, in the store and in tables."""

    root: Path
    segments: pd.DataFrame
    checkpoint: Path

    @property
    def outputs(self) -> Outputs:
        return Outputs(self.root, "toy", "published")

    def path(self, length: int) -> Path:
        return self.root / f"{length}.wav"

    def ids(self, length: int) -> list[str]:
        own = self.segments[self.segments["utterance_id"] == f"u{length}"]
        return own["segment_id"].tolist()

    def rows(self, extractor: str, ids: Sequence[str], array: str) -> Array:
        reader = FeatureReader.open(self.outputs.digest(extractor), self.root / "store")
        found: Array = reader.read(ids, [array])[array]
        return found

    def extract(self, extractor: Extractor) -> None:
        digest = extract(extractor, self.segments, AS_PUBLISHED, self.root / "store")
        digest.write(self.outputs.digest(extractor.name))


def sound(samples: int) -> npt.NDArray[np.int16]:
    """A gliding, decaying voice with noise, of full scale now and then."""
    time = np.arange(samples) / RATE_HZ
    phase = 2 * np.pi * (140 + 60 * np.sin(3 * time)) * time
    voice = sum(np.sin(k * phase) / k for k in range(1, 12)) * (0.1 + np.cos(2 * time) ** 2)
    noise = np.random.default_rng(samples).standard_normal(samples)
    rounded = np.rint(32767 * (0.5 * voice + 0.01 * noise).clip(-1, 1))
    return np.asarray(rounded, dtype=np.int16)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("published")
    records = []
    for number, samples in enumerate(LENGTHS):
        path = root / f"{samples}.wav"
        soundfile.write(path, sound(samples), RATE_HZ)
        records.append(
            {
                "utterance_id": f"u{samples}",
                "path": path.name,
                "audio_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "speaker": f"speaker{number}",
                "session": f"session{number}",
                "emotion": ("angry", "sad")[number % 2],
                "duration_s": 1.0,
                "licence": "none",
            }
        )
    manifest = pd.DataFrame(records).reindex(columns=UTTERANCES.names)
    segments = segment_corpus(manifest, root, AS_PUBLISHED, root / "store")
    made = Corpus(root, segments, root / "checkpoint")
    write_table(made.outputs.manifest, manifest, UTTERANCES)
    write_table(made.outputs.segments, segments, SEGMENTS)
    write_encoder(made.checkpoint)
    encoder = EncoderConfig(model=str(made.checkpoint), levels={"high": -1}, dtype="float32")
    for name, config in (
        ("sec", encoder),
        ("spectrogram", SpectrogramConfig(dtype="float32")),
        ("mfcc", MfccConfig()),
    ):
        made.extract(make_extractor(name, config, RATE_HZ, SAMPLES, "as_published"))
    return made


def write_encoder(folder: Path) -> None:
    """A narrow wav2vec2 with random weights, group normalisation and no mask, as the base one."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "wav2vec2",
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=[16] * 7,
        num_conv_pos_embeddings=5,
        num_conv_pos_embedding_groups=2,
        initializer_range=0.2,
    )
    AutoModel.from_config(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)


def hidden_states(corpus: Corpus, wave: Array) -> Tensor:
    """The last hidden state of plain transformers, a segment at a time."""
    prepare = Wav2Vec2FeatureExtractor.from_pretrained(corpus.checkpoint)
    model = AutoModel.from_pretrained(corpus.checkpoint).eval()
    found = []
    with torch.no_grad():
        for one in wave:
            inputs = prepare(one, sampling_rate=RATE_HZ, return_tensors="pt").input_values
            found.append(model(inputs).last_hidden_state[0])
    return torch.stack(found)


def data_of(corpus: Corpus, **model: Any) -> tuple[TrainingData, SerNetwork]:
    """What training would read, and a seeded network whose scaling is fitted."""
    experiment = Experiment(
        system=get_system("coattention"),
        seeds=(0,),
        labels=LabelsConfig(classes=["angry", "sad"]),
        segment=AS_PUBLISHED,
        protocol=ProtocolConfig(name="leave_one_session_out"),
        model=ModelConfig(**model),
        optimisation=OptimisationConfig(),
        search=SearchConfig(),
        selection=SelectionConfig(),
        outputs=corpus.outputs,
        store=corpus.root / "store",
        code={},
    )
    data = load_data(experiment, "cpu")
    torch.manual_seed(1)
    parts = experiment.system.network
    assert parts is not None
    network = build_network(parts, experiment.model, data.shapes, 2)
    training = data.part([f"u{length}" for length in TRAINING])
    network.fit_scaling(data.rows.batches([(training.rows_N, network.scaled)]))
    return data, network.eval()


def spectrogram_of(features: Features) -> tuple[Tensor, Tensor, Tensor]:
    """Levels, the utterances' maxima and the frames that count."""
    level = features[inputs.LEVEL_DB]
    return level, features[inputs.UTTERANCE_MAX_DB], features.mask(inputs.LEVEL_DB)


# Features


@pytest.mark.parametrize("length", LENGTHS)
def test_the_spectrogram_is_librosas(corpus: Corpus, length: int) -> None:
    expected = published(corpus.path(length)).spectrogram
    ids = corpus.ids(length)
    found = corpus.rows("spectrogram", ids, "level_db")
    assert found.shape == (len(expected), FRAMES, 200)
    assert np.abs(found.transpose(0, 2, 1) - expected).max() < LEVEL_DB
    assert not corpus.rows("spectrogram", ids, "max_db").any()


def test_levels_of_16_bits_are_as_near_as_their_resolution(corpus: Corpus) -> None:
    wave = librosa.effects.preemphasis(sound(60_000) / np.float32(32768), zi=[0.0])
    stored = make_extractor("spectrogram", SpectrogramConfig(), RATE_HZ, SAMPLES, "as_published")
    found = stored.extract(wave[None], np.array([60_000]))["level_db"]
    soundfile.write(corpus.root / "60000.wav", sound(60_000), RATE_HZ)
    expected = published(corpus.root / "60000.wav").spectrogram
    assert found.dtype == np.float16
    assert np.abs(found.transpose(0, 2, 1) - expected).max() < LEVEL_16_BIT_DB


@pytest.mark.parametrize("length", LENGTHS)
def test_mfcc_are_librosas(corpus: Corpus, length: int) -> None:
    expected = published(corpus.path(length)).mfcc
    found = corpus.rows("mfcc", corpus.ids(length), "mfcc")
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < MFCC


class Listener:
    """An extractor whose rows are the waves that it is given."""

    name: ClassVar[str] = "tec"
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment", "utterance"]] = "segment"
    context: ClassVar[Literal["segment", "utterance"]] = "segment"
    batch_rows = 4
    tolerance = 0.0
    parameters: ClassVar[dict[str, Any]] = {}
    about: ClassVar[dict[str, Any]] = {"config": {}, "weights": "none"}
    arrays = (
        ArraySpec("wave", (SAMPLES,), "float32", ("sample",)),
        ArraySpec("valid", (), "int64", ()),
    )

    def extract(
        self, waves_BT: Array, valid_B: npt.NDArray[np.int64]
    ) -> dict[str, npt.NDArray[Any]]:
        return {"wave": waves_BT, "valid": valid_B}


def test_the_encoder_is_given_the_published_waves(corpus: Corpus) -> None:
    corpus.extract(Listener())
    for length in LENGTHS:
        heard = corpus.rows("tec", corpus.ids(length), "wave")
        np.testing.assert_array_equal(heard, published(corpus.path(length)).wave)
        assert (corpus.rows("tec", corpus.ids(length), "valid") == SAMPLES).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_the_encoders_rows_are_those_of_plain_transformers(corpus: Corpus, length: int) -> None:
    expected = hidden_states(corpus, published(corpus.path(length)).wave)
    found = torch.from_numpy(corpus.rows("sec", corpus.ids(length), "high"))
    assert found.shape == (len(corpus.ids(length)), 149, 16)
    torch.testing.assert_close(found, expected, rtol=0, atol=UNIT)


@pytest.mark.corpus
def test_real_speech_becomes_what_librosa_makes_of_it(shared_corpora: Path) -> None:
    for path in sorted((shared_corpora / "ravdess_flac16k" / "Actor_01").iterdir())[:4]:
        wave, _ = soundfile.read(path, dtype="float32")
        heard = librosa.effects.preemphasis(wave, zi=[0.0])[None]
        expected = published(path)
        for name, config, array, there, tolerance in (
            ("spectrogram", SpectrogramConfig(dtype="float32"), "level_db",
             expected.spectrogram.transpose(0, 2, 1), LEVEL_DB),
            ("mfcc", MfccConfig(), "mfcc", expected.mfcc, MFCC),
        ):  # fmt: skip
            extractor = make_extractor(name, config, RATE_HZ, SAMPLES, "as_published")
            found = extractor.extract(heard, np.array([len(wave)]))[array]
            assert np.abs(found - there).max() < tolerance


# The network


def test_the_picture_is_scikit_learns_and_pils(corpus: Corpus) -> None:
    """From our levels, bit for bit but for the last division."""
    data, network = data_of(corpus, alexnet_width=0.05)
    levels = corpus.rows("spectrogram", corpus.segments["segment_id"].tolist(), "level_db")
    is_training = corpus.segments["utterance_id"].isin([f"u{length}" for length in TRAINING])
    spectrogram = levels.transpose(0, 2, 1)
    expected = published_pictures(spectrogram[is_training.to_numpy()], spectrogram)
    features = data.rows.features(torch.arange(len(levels)))
    found = network.acoustic.spectrogram.image(*spectrogram_of(features))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@dataclass(frozen=True)
class Sides:
    """All segments at full size, from the audio files on: ours and theirs."""

    ours: SerNetwork
    features: Features
    theirs: PublishedNetwork
    inputs: tuple[Tensor, Tensor, Tensor]
    """Pictures, MFCC and hidden states."""


@pytest.fixture(scope="module")
def sides(corpus: Corpus) -> Sides:
    data, network = data_of(corpus)
    for weights in (one for one in network.parameters() if one.dim() > 1):
        nn.init.kaiming_normal_(weights)  # so that all three inputs count in the logits
    everything = [published(corpus.path(length)) for length in LENGTHS]
    training = [published(corpus.path(length)).spectrogram for length in TRAINING]
    pictures = published_pictures(
        np.concatenate(training), np.concatenate([one.spectrogram for one in everything])
    )
    mfcc = torch.from_numpy(np.concatenate([one.mfcc for one in everything]))
    hidden = hidden_states(corpus, np.concatenate([one.wave for one in everything]))
    features = data.rows.features(torch.arange(len(pictures)))
    theirs = with_weights_of(network, 16, 2)
    return Sides(network, features, theirs, (pictures, mfcc, hidden))


def apart(logits: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the spread of the expected ones."""
    return float(((logits - expected).abs() / expected.std(dim=0)).max())


def test_the_forward_pass_is_the_published_one(sides: Sides) -> None:
    """From the same rows: the picture is ours, which another test compares."""
    own = sides.features
    with torch.no_grad():
        picture = sides.ours.acoustic.spectrogram.image(*spectrogram_of(own))
        expected = sides.theirs(picture, own[inputs.MFCC], own["sec", "high"])
        assert apart(sides.ours(own), expected) < SAME_ROWS


def test_from_the_audio_files_on_all_is_the_published_one(sides: Sides) -> None:
    with torch.no_grad():
        expected = sides.theirs(*sides.inputs)
        assert apart(sides.ours(sides.features), expected) < FROM_FILES


@pytest.mark.parametrize("which", range(3))
def test_each_input_counts_in_what_is_compared(sides: Sides, which: int) -> None:
    changed = list(sides.inputs)
    changed[which] = changed[which].roll(1, dims=0)
    with torch.no_grad():
        assert apart(sides.theirs(*changed), sides.theirs(*sides.inputs)) > 5 * FROM_FILES


@pytest.mark.parametrize("model", [{"mask": "none"}, {"spectrogram_reference": "utterance"}])
def test_what_the_reading_decides_no_other_parameter_changes(
    corpus: Corpus, model: dict[str, str]
) -> None:
    small = {"alexnet_width": 0.05, "projection": 8, "mfcc_hidden": 4}
    with torch.no_grad():
        (data, one), (_, other) = data_of(corpus, **small), data_of(corpus, **small, **model)
        features = data.rows.features(torch.arange(9))
        assert torch.equal(one(features), other(features))
