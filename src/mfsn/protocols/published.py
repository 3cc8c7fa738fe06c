"""Folds as other projects publish them: folders with lists of recordings.

- EmoBox: `fold_1/ravdess_test_fold_1.jsonl`, with `train` and sometimes `valid`. A line is a JSON
  object whose `wav` is the path of a recording. Lists that end in `.json` hold one JSON object from
  keys to such objects; they are read where there is no `.jsonl`.
- s3prl: `Session1/test_meta_data.json` and `train_meta_data.json`. `meta_data` lists objects whose
  `path` is the path of a recording.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from mfsn.base.quantities import counted
from mfsn.errors import ProtocolError
from mfsn.protocols.division import natural
from mfsn.protocols.fold import some

_EMOBOX = re.compile(r"(?P<corpus>.+)_(?P<split>train|valid|test)_fold_?\d+\.(jsonl|json)")
_S3PRL = re.compile(r"(?P<split>train|test)_meta_data\.json")
_SPLITS = {"train": "train", "valid": "dev", "test": "test"}

Lists = dict[str, tuple[str, ...]]
"""Split (train, dev, test) to the paths of its recordings."""


def read_published(folder: Path) -> dict[str, Lists]:
    """Read the folds in a folder, or in its subfolders.

    Args:
        folder: the folder of one corpus in EmoBox's data, s3prl's meta_data, or one fold of these.

    Returns:
        For each fold, in order, its lists; its name is that of its subfolder.

    Raises:
        ProtocolError: if there are no such lists, they are of several corpora, a fold has no test
            list, or a list cannot be understood.
    """
    folders = [folder, *sorted((p for p in folder.iterdir() if p.is_dir()), key=_by_name)]
    named = {each.name: lists for each in folders if (lists := _lists_in(each))}
    corpora = {m["corpus"] for n in named.values() for p in n.values() if (m := _is_emobox(p))}
    if not named or len(corpora) > 1:
        held = f"has lists of {', '.join(sorted(corpora))}" if corpora else "has no lists of folds"
        raise ProtocolError(
            f"protocol.file: {folder} {held}; name EmoBox's folder of one corpus (such as "
            "EmoBox/data/ravdess), s3prl's folder meta_data, or a fold file"
        )
    for name, lists in named.items():
        if "test" not in lists:
            raise ProtocolError(f"protocol.file: {folder}: {name} has no list for test; add it")
    return {
        name: {split: _recordings(path) for split, path in lists.items()}
        for name, lists in named.items()
    }


def match(paths: Iterable[str], manifest: pd.DataFrame, where: str) -> set[str]:
    """The ids of the utterances whose recordings a list names.

    A recording is found by its file name without ending, or by the utterance id. If several have
    this name, it is the one whose folders agree most. Utterances that the corpus does not have,
    for example since their emotion is no class, are left out.

    Args:
        paths: paths of recordings on another machine.
        manifest: the utterances of the corpus.
        where: file and fold, for the message.

    Raises:
        ProtocolError: if the corpus has none of these recordings, or several fit equally.
    """
    by_name, named = _by_stem(manifest), list(paths)
    found = {path: _closest(path, by_name[PurePosixPath(path).stem]) for path in named}
    doubtful = [path for path, ids in found.items() if len(ids) > 1]
    if doubtful or not any(found.values()):
        what = "fits several recordings of the corpus" if doubtful else "is not in the corpus"
        raise ProtocolError(
            f"{where}: of {counted(len(named), 'recording')}, {some(doubtful or named)} {what}; "
            "take the lists of the corpus that corpus.name names"
        )
    return {name for ids in found.values() for name in ids}


def is_list(path: Path) -> bool:
    """Whether a file is one of the lists that `read_published` reads, by its name."""
    return bool(_is_emobox(path) or _S3PRL.fullmatch(path.name))


def _by_name(folder: Path) -> list[tuple[int, str]]:
    return natural(folder.name)


def _lists_in(folder: Path) -> dict[str, Path]:
    """Split to its list. Of several, the one whose name is most like those of the other folds."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda p: ("_fold_" in p.name, p.suffix, p.name)):
        name = _is_emobox(path) or _S3PRL.fullmatch(path.name)
        if name:
            found[_SPLITS[name["split"]]] = path
    return found


def _is_emobox(path: Path) -> re.Match[str] | None:
    return _EMOBOX.fullmatch(path.name)


def _recordings(path: Path) -> tuple[str, ...]:
    """The paths that a list names."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            return tuple(_path(json.loads(line), "wav") for line in text.splitlines() if line)
        content = json.loads(text)
        if _is_emobox(path):
            return tuple(_path(entry, "wav") for entry in content.values())
        return tuple(_path(entry, "path") for entry in content["meta_data"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(
            f"protocol.file: {path} is not a list of recordings ({error}); get it again from where "
            "it was published"
        ) from None


def _path(entry: Mapping[str, Any], key: str) -> str:
    path = entry[key]
    if not isinstance(path, str):
        raise TypeError(f"{key} is {path!r}")
    return path


def _by_stem(manifest: pd.DataFrame) -> dict[str, dict[str, str]]:
    """The file name of each recording, and the last part of its id, to its id and its path."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    paths = manifest["path"].fillna(manifest["utterance_id"])
    for name, path in zip(manifest["utterance_id"], paths, strict=True):
        for stem in {PurePosixPath(path).stem, name.rpartition("/")[2]}:
            found[stem][name] = path
    return found


def _closest(path: str, candidates: Mapping[str, str]) -> list[str]:
    """The ids of the candidates whose folders agree most with those of a path."""
    agreement = {name: _common(path, own) for name, own in candidates.items()}
    return [name for name, parts in agreement.items() if parts == max(agreement.values())]


def _common(one: str, other: str) -> int:
    """How many folders two paths have in common, from the end."""
    parents = (reversed(PurePosixPath(path).parent.parts) for path in (one, other))
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*parents, strict=False)))
