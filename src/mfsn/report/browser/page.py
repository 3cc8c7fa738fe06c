"""One self-contained HTML page: the list, the maps, and each utterance's features and sound.

The page needs no network. Everything that comes from data is in blocks of JSON. The script of the
page turns it into text and never into markup, and the security policy of the page allows no other
script.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from tqdm import tqdm

from mfsn.report.browser.detail import detail
from mfsn.report.browser.overview import overview, scale_db
from mfsn.report.browser.packing import base64_of
from mfsn.report.templates import environment
from mfsn.report.utterance.source import Source
from mfsn.report.utterance.utterance import gather

FOLDER = Path(__file__).parent
SCRIPTS = [
    f"{name}.js"
    for name in (
        "base",
        "state",
        "list",
        "sound",
        "curves",
        "panels",
        "decision",
        "near",
        "map",
        "main",
    )
]
JSON = {"sort_keys": False, "separators": (",", ":"), "allow_nan": False}


def render(source: Source, ids: Sequence[str], is_playable: Callable[[str], bool]) -> Iterator[str]:
    """Yield the page piece by piece, with only one utterance in memory at a time.

    The same inputs always give the same text.

    Args:
        source: the tables and features of the experiment.
        ids: the utterances, in the order in which the page lists them.
        is_playable: given a licence, whether the page may contain recordings under it.

    Raises:
        ManifestError: if there is no such utterance, or it has no segments.
        CacheError: if rows are missing from the store or damaged.
    """
    scale = scale_db(source, ids)
    css, js = (FOLDER / "page.css").read_text("utf-8"), _script()
    templates = environment(FOLDER)
    templates.policies["json.dumps_kwargs"] = JSON
    return templates.get_template("page.html").generate(
        title=f"{source.outputs.corpus}, {source.outputs.experiment}",
        css=Markup(css),  # noqa: S704 - our own file
        js=Markup(js),  # noqa: S704 - our own file
        policy=_policy(css, js),
        index=overview(source, ids, is_playable) | {"scale_db": scale, "colours": _magma()},
        details=_details(source, ids, scale, is_playable),
    )


def _details(
    source: Source,
    ids: Sequence[str],
    scale: tuple[float, float],
    is_playable: Callable[[str], bool],
) -> Iterator[dict[str, Any]]:
    for name in tqdm(ids, "inspect", unit="utterance", disable=None):
        utterance = gather(source, name)
        yield detail(utterance, scale, is_playable(utterance.facts["licence"]))


def _script() -> str:
    parts = "\n".join((FOLDER / name).read_text("utf-8") for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _policy(css: str, js: str) -> str:
    """The security policy: the page may use only its own script, style and data."""
    script, style = (_sha256_of(text) for text in (js, css))
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; "
        "media-src blob:; base-uri 'none'; form-action 'none'"
    )


def _sha256_of(text: str) -> str:
    # The browser hashes the text between the tags, including the line end after the first tag.
    digest = hashlib.sha256(f"\n{text}".encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _magma() -> str:
    """The colour map of the pictures as base64: red, green and blue for 256 values."""
    colours = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3]
    return base64_of(np.ascontiguousarray(colours).tobytes())
