"""docs/parameters.md says of every parameter what the code says."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from mfsn.config import Config
from mfsn.params import Params


@pytest.fixture(scope="module")
def generator(checkout: Path) -> ModuleType:
    path = checkout / "docs" / "parameter_page.py"
    spec = importlib.util.spec_from_file_location("parameter_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def configs(config: type[Config] = Params) -> Iterator[type[Config]]:
    yield config
    for field in config.model_fields.values():
        for found in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(found, type) and issubclass(found, Config):
                yield from configs(found)


def test_the_committed_page_is_the_one_that_the_code_gives(generator: ModuleType) -> None:
    committed = generator.PAGE.read_text(encoding="utf-8")
    assert committed == generator.page(), "run `make docs` and commit docs/parameters.md"


def test_every_parameter_has_an_explanation(generator: ModuleType) -> None:
    bare = [
        f"{config.__name__}.{name}"
        for config in configs()
        for name, field in config.model_fields.items()
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, Config))
        and not generator.explanation(config, name)
    ]
    assert not bare


def test_nothing_on_the_page_is_taken_for_a_tag_of_html(generator: ModuleType) -> None:
    assert not re.findall(r"<\w+", re.sub(r"`[^`]*`", "", generator.page()))


def test_every_name_of_params_yaml_has_a_heading(generator: ModuleType, checkout: Path) -> None:
    text = generator.page()
    titles = {
        title
        for line in text.splitlines()
        if line.startswith("#")
        for title in line.lstrip("# ").split(", ")
    }
    params = yaml.safe_load((checkout / "params.yaml").read_text(encoding="utf-8"))
    for name, value in params.items():
        names = [f"{name}.{inner}" for inner in value] if isinstance(value, dict) else [name]
        assert titles >= {name, *names}


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("optimisation.batch_size", "a whole number at least 2; default `64`."),
        ("seeds", "a list, 1 or more, each a whole number; no default, so it must be named."),
        ("sec.model, tec.model", "text; no default, so it must be named."),
        ("labels.merge", "names with values; default `{}`."),
        ("functionals.trim_db", "a number above 0, or `null`; default `null`."),
        ("model.image_px", "a list of 2, each a whole number at least 63; default `[256, 384]`."),
    ],
)
def test_a_parameter_says_what_it_takes(generator: ModuleType, name: str, taken: str) -> None:
    assert f"### {name}\n\n*Takes {taken}*" in generator.page()
