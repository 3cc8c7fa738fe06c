"""Load the extractors that a model was trained with, and check that they compute the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mfsn.errors import PredictionError
from mfsn.features.base import Extractor, Together, store_spec
from mfsn.features.registry import kept_config, make_extractor
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_recipe
from mfsn.store.spec import StoreSpec

Say = Callable[[str], object]
"""Takes one line about what is being done."""


def silent(line: str) -> None:
    """Say nothing."""


def remake_extractors(
    run: Mapping[str, Any], segment: SegmentConfig, say: Say = silent
) -> dict[str, Extractor | Together]:
    """The extractors of a model, by name; those that share an encoder stand together.

    An encoder that SEC and TEC have in common is loaded once and hears each recording once.

    Args:
        run: run.json of the model, which keeps what each extractor was.
        segment: how recordings are cut.
        say: takes a line about each encoder before it is loaded.

    Raises:
        PredictionError: if an extractor no longer computes what it did in training.
        ConfigError: if a parameter of an extractor is not understood.
        ModelLoadError: if an encoder cannot be loaded.
    """
    made: dict[str, Extractor | Together] = {}
    for name, kept in run["features"].items():
        config = kept_config(name, kept["about"])
        together = next(filter(None, (_shared(m, name, config) for m in made.values())), None)
        if together is not None:
            made[together.extractors[0].name] = together
            say(f"{name}: the encoder that is loaded already")
        else:
            if name in run["encoders"]:
                say(f"loading {name}: {run['encoders'][name]['model']}")
            cut = (segment.sample_rate_hz, segment.samples, segment.reading)
            made[name] = make_extractor(name, config, *cut)
        own = made[name] if together is None else together.extractors[-1]
        _check(name, own, kept, segment)
    return made


def _shared(made: Extractor | Together, name: str, config: Any) -> Together | None:
    """One pass for an extractor that is made and for the next one; None if there is none."""
    together_with: Callable[[str, Any], Together | None] = getattr(
        made, "together_with", lambda *_: None
    )
    return together_with(name, config)


def _check(name: str, made: Any, kept: Mapping[str, Any], segment: SegmentConfig) -> None:
    now = store_spec(made, segment_recipe(segment))
    if StoreSpec(name, kept["recipe"], now.arrays).identity != now.identity:
        raise PredictionError(
            f"{name} no longer computes what this model was trained on (its weights, its version "
            "or a library changed); run `dvc repro` to train again"
        )
