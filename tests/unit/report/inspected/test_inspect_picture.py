"""The pictures of utterances: the files that come out, whatever the names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import pytest

from mfsn.errors import ConfigError
from mfsn.report import picture
from mfsn.report.inspect import draw_pictures, file_name
from mfsn.report.source import Source
from mfsn.report.utterance import Utterance
from mfsn.workspace import Outputs

Open = Callable[[], Source]


@pytest.mark.parametrize("predicted", [False, True])
def test_the_picture_is_a_png_whatever_the_names(
    opened: Open, predict: Callable[..., None], tmp_path: Path, predicted: bool
) -> None:
    if predicted:
        predict("one/clip$1$")
    out = tmp_path / "pictures" / "clip.png"
    assert draw_pictures(opened(), ["one/clip$1$"], out) == [out]
    height, width, _ = matplotlib.image.imread(out).shape
    assert width > height > 800
    assert [p.name for p in out.parent.iterdir()] == ["clip.png"]


def test_features_that_are_missing_leave_a_note(opened: Open, outputs: Outputs) -> None:
    for name in ("spectrogram", "mfcc", "sec", "tec"):
        outputs.digest(name).unlink()
    (path,) = draw_pictures(opened(), ["one/clip2"])
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_same_utterance_gives_the_same_bytes(opened: Open, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_pictures(opened(), ["one/clip2"], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_pictures_stay_out_of_the_way(opened: Open, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "inspect" / "demo" / "mfsn"
    assert {path.parent for path in draw_pictures(opened(), ["one/clip$1$", "one/clip2"])} == {
        folder
    }
    assert len(list(folder.iterdir())) == 2


def test_an_existing_folder_takes_the_picture(opened: Open, tmp_path: Path) -> None:
    (path,) = draw_pictures(opened(), ["one/clip2"], tmp_path)
    assert path == tmp_path / file_name("one/clip2")


def test_several_pictures_do_not_go_into_one_file(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(ConfigError, match=r"a\.png is a file; name a folder for the 2 pictures"):
        draw_pictures(opened(), ["one/clip2", "one/clip$1$"], tmp_path / "a.png")


def test_ids_become_file_names_that_differ() -> None:
    ids = ["plain-1", "a/b", "a_b", "../up", ".hidden", "x" * 300, "x" * 301]
    names = [file_name(name) for name in ids]
    assert names[0] == "plain-1.png"
    assert len(set(names)) == len(ids)
    assert all("/" not in n and not n.startswith(".") and len(n) < 130 for n in names)


def test_a_failed_drawing_leaves_the_old_picture(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "clip.png"
    out.write_bytes(b"old")

    def broken(_: Utterance) -> None:
        raise MemoryError

    monkeypatch.setattr(picture, "_draw", broken)
    with pytest.raises(MemoryError):
        draw_pictures(opened(), ["one/clip2"], out)
    assert out.read_bytes() == b"old"
