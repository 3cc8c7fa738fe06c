"""One self-contained HTML page: the list, the maps, and every utterance's features and sound.

It asks nothing of any network. Everything that comes from data lies in blocks of JSON, which the
page's own script, and by the page's policy no other, turns into text and never into markup.
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
    """The page in pieces, one utterance in memory at a time; the same inputs give the same text.

    Args:
        source: of the corpus and experiment.
        ids: the utterances, in the order of their list.
        is_playable: whether recordings of a licence may be heard on the page.

    Raises:
        ManifestError: if there is no such utterance, or it has no segments.
        CacheError: if the store lacks or has damaged rows.
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
    """What the page may do: run its own script, use its own style, show and play its own data."""
    script, style = (_sha256_of(text) for text in (js, css))
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; "
        "media-src blob:; base-uri 'none'; form-action 'none'"
    )


def _sha256_of(text: str) -> str:
    # The browser hashes what stands between the tags, line ends of the template included.
    digest = hashlib.sha256(f"\n{text}".encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _magma() -> str:
    """The colour map of the pictures: 256 times red, green and blue, as base64."""
    colours = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3]
    return base64_of(np.ascontiguousarray(colours).tobytes())
