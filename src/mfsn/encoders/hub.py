"""Finds the folder on this machine that the name of an encoder in params.yaml stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from mfsn.errors import ConfigError, ModelLoadError
from mfsn.workspace import local_path

PREFIX = "random/"
"""With it begin the names of encoders with random weights; see `mfsn.encoders.random_weights`."""

_FILES = ["*.json", "*.safetensors"]
_LOADED = (".json", ".safetensors", ".bin")


def find_folder(name: str, revision: str | None) -> Path:
    """The local folder of a checkpoint, which is written or downloaded first if need be.

    Raises:
        ConfigError: if a revision is given for a random-weight checkpoint or a local folder.
        ModelLoadError: if there is no such recipe, folder or hub name, or no network to get it.
    """
    local = local_path(name)
    if revision is not None and (name.startswith(PREFIX) or local.is_dir()):
        raise ConfigError(f"{name} has no revisions; set revision: null")
    if name.startswith(PREFIX):
        from mfsn.encoders.random_weights import random_checkpoint  # it needs torch

        return random_checkpoint(name.removeprefix(PREFIX))
    return local if local.is_dir() else _download(name, revision)


def commit_of(name: str, revision: str | None) -> str | None:
    """The commit of a checkpoint from the hub, 40 hexadecimal digits; None for all others.

    Raises:
        ConfigError, ModelLoadError: as `find_folder`.
    """
    folder = find_folder(name, revision)
    return folder.name if folder.parent.name == "snapshots" else None


def checkpoint_files(name: str, revision: str | None) -> Mapping[str, str]:
    """The files that a checkpoint is loaded from: name to sha256 (hexadecimal).

    Raises:
        ConfigError, ModelLoadError: as `find_folder`.
    """
    found = {}
    for path in sorted(find_folder(name, revision).iterdir()):
        if path.suffix in _LOADED:
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _download(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        found = Path(snapshot_download(name, revision=revision, allow_patterns=_FILES))
        if not any(found.glob("*.safetensors")):
            snapshot_download(name, revision=revision, allow_patterns=[*_FILES, "*.bin"])
        return found
    except Exception as error:  # its own kinds, and those of the HTTP library below it
        raise ModelLoadError(
            f"{name}: {_why_not(error)}; {_download_advice(name, revision)}give a local folder in "
            "the transformers format, or use a random-weight encoder such as "
            f"{PREFIX}wav2vec2-demo"
        ) from error


def _download_advice(name: str, revision: str | None) -> str:
    if Path(name).is_absolute() or name.startswith((".", "~")):
        return ""
    of = f" --revision {revision}" if revision else ""
    return f"run `hf download {name}{of}` where there is a network, "


def _why_not(error: Exception) -> str:
    from huggingface_hub import errors

    reasons: list[tuple[type[Exception], str]] = [
        (errors.HFValidationError, "there is no such folder, and no hub name looks like this"),
        (errors.GatedRepoError, "its owner must grant access first (`hf auth login`)"),
        (errors.RepositoryNotFoundError, "there is no such folder, and the hub does not know it"),
        (errors.RevisionNotFoundError, "the hub does not know this revision of it"),
        (errors.LocalEntryNotFoundError, "it is not on this machine and the hub is out of reach"),
    ]
    return next((text for kind, text in reasons if isinstance(error, kind)), first_sentence(error))


def first_sentence(error: Exception) -> str:
    """The first sentence of an error's message, and its kind if it is not one of mfsn's own."""
    text = str(error).strip().partition("\n")[0].partition(". ")[0][:200].rstrip(".;: ")
    return text if isinstance(error, ModelLoadError) else f"{type(error).__name__}: {text}"
