"""The pages name what there is, so that a new name cannot be forgotten there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from mfsn import plugins
from mfsn.corpora.base import Reader
from mfsn.errors import CorpusError
from mfsn.models.inputs import Features, InputShapes, Source
from mfsn.training.results import Result
from mfsn.training.system import Fits, System


def names_of_files(folder: Path) -> list[str]:
    return [path.stem for path in folder.glob("*.yaml")]


def require_named(page: Path, names: Iterable[str]) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [name for name in names if not re.search(rf"`{re.escape(name)}[`=]", text)]
    assert not missing, f"{page.name} does not explain them"


def test_the_readme_names_the_two_commands_on_at_most_200_lines(checkout: Path) -> None:
    lines = (checkout / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200
    assert any(line.startswith("$ make repro ") for line in lines)
    assert any(line.startswith("$ make test ") for line in lines)


@pytest.mark.parametrize(
    ("kind", "page"),
    [("systems", "systems"), ("protocols", "systems"), ("extractors", "features")],
)
def test_every_name_of_mfsn_is_explained(kind: plugins.Kind, page: str, checkout: Path) -> None:
    require_named(checkout / "docs" / f"{page}.md", plugins._BUILT_IN[kind])


def test_every_preset_and_every_table_is_explained(checkout: Path) -> None:
    presets = names_of_files(checkout / "src" / "mfsn" / "presets")
    tables = names_of_files(checkout / "src" / "mfsn" / "reproduce" / "tables")
    require_named(checkout / "docs" / "corpora.md", presets)
    require_named(checkout / "docs" / "systems.md", tables)


def test_every_variable_of_the_environment_is_explained(checkout: Path) -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for p in (checkout / "src").rglob("*.py"))
    variables = set(re.findall(r'"(MFSN_[A-Z]+(?:_[A-Z]+)*)"', code))
    require_named(checkout / "docs" / "systems.md", variables)


def example(checkout: Path, beginning: str) -> tuple[str, dict[str, Any]]:
    """The code of an example on the page about extending mfsn, and the names that it makes."""
    page = (checkout / "docs" / "extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(rf"```python\n({re.escape(beginning)}\n.*?)```", page, re.DOTALL)
    made: dict[str, Any] = {"__name__": "my_package.example"}
    exec(compile(code, "extending.md", "exec"), made)
    return code, made


def test_the_example_of_a_corpus_understands_names_and_refuses_others(checkout: Path) -> None:
    _, made = example(checkout, "from pathlib import Path")
    reader = made["MyCorpus"]()
    assert isinstance(reader, Reader)
    (utterance,) = reader.utterances(checkout, ["a/anna_angry_03.wav"])
    assert (utterance.speaker, utterance.emotion) == ("anna", "angry")
    with pytest.raises(CorpusError, match="rename the file"):
        reader.utterances(checkout, ["a/anna.wav"])


def test_the_example_of_a_network_ignores_padding_and_can_be_trained(checkout: Path) -> None:
    _, made = example(checkout, "# src/mfsn/models/tec_mean.py")
    source: Source = ("tec", "last")
    network = made["build"]((), None, InputShapes({source: (5, 8)}), 4)
    rows = torch.randn(3, 5, 8)
    length = torch.tensor([5, 2, 1])
    logits = network(Features({source: rows}, {source: length}))
    rows[1, 2:], rows[2, 1:] = 1e6, torch.nan
    assert torch.equal(logits, network(Features({source: rows}, {source: length})))
    network.readout.loss(network.readout(logits), torch.tensor([0, 1, 2])).backward()
    assert network.layer.weight.grad.abs().sum() > 0


def test_the_example_of_a_declaration_names_the_network(checkout: Path) -> None:
    _, made = example(checkout, "# src/mfsn/systems/tec_mean.py")
    assert made["SYSTEM"].builds == "mfsn.models.tec_mean:build"


def test_the_example_of_a_system_is_a_system(checkout: Path) -> None:
    code, made = example(checkout, "# my_package/system.py")
    assert isinstance(made["SYSTEM"], System)
    assert Fits in made["MyFits"].__mro__
    passed = set(re.findall(r"^            (\w+)=", code.partition("Result(")[2], re.MULTILINE))
    assert passed == {field.name for field in fields(Result)}


def test_help_explains_every_field_of_a_system() -> None:
    named = set(re.findall(r"^        (\w+): ", System.__doc__ or "", re.MULTILINE))
    assert named == {field.name for field in fields(System)}
