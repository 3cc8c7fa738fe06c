"""Names of what mfsn brings and of what plug-ins add: distributions are written out here."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from mfsn import plugins
from mfsn.base.fingerprint import fingerprint, module_path
from mfsn.errors import ConfigError
from mfsn.training.system import get_system, modules_of

KINDS: tuple[plugins.Kind, ...] = get_args(plugins.Kind)
BUILT_IN = [(kind, name) for kind in KINDS for name in plugins._BUILT_IN[kind]]
MakePlugin = Callable[..., None]


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_every_built_in_name_stands_for_something(kind: plugins.Kind, name: str) -> None:
    module, _, attribute = plugins._BUILT_IN[kind][name].partition(":")
    assert plugins.load(kind, name) is getattr(importlib.import_module(module), attribute)
    assert plugins.module_of(kind, name) == module
    assert plugins.origin(kind, name) == {}


@pytest.mark.parametrize(
    ("kind", "name", "match"),
    [
        ("corpora", "ravdes", r"there is no corpus reader 'ravdes' \(did you mean ravdess\?\)"),
        ("extractors", "mffc", r"there is no extractor 'mffc' \(did you mean mfcc\?\)"),
        (
            "protocols",
            "leave_one_speaker",
            r"'leave_one_speaker' \(did you mean leave_one_speaker_o",
        ),
        ("systems", "classic", r"there is no system 'classic' \(did you mean classical\?\)"),
        ("extractors", "x", "'x'; choose one of sec, tec, spectrogram, mfcc, functionals, or inst"),
    ],
)
@pytest.mark.parametrize("ask", [plugins.load, plugins.require_known, plugins.module_of])
def test_an_unknown_name_is_refused_with_the_list_and_the_nearest(
    ask: Callable[[plugins.Kind, str], object], kind: plugins.Kind, name: str, match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        ask(kind, name)


def test_nobody_is_the_origin_of_an_unknown_name() -> None:
    assert plugins.origin("extractors", "nobody") == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_adds_names_behind_those_of_mfsn(kind: plugins.Kind, plugin: MakePlugin) -> None:
    before = plugins.names(kind)
    plugin("more-speech", f"[mfsn.{kind}]\nzz = more:THING\nb1 = more:THING", more="THING = 7")
    assert plugins.names(kind) == [*before, "b1", "zz"]
    assert plugins.require_known(kind, "zz") == "zz"
    assert plugins.load(kind, "zz") == 7
    assert plugins.module_of(kind, "zz") == "more"
    assert plugins.origin(kind, "zz") == {"distribution": "more-speech", "version": "1.0"}


def test_a_newer_version_is_another_origin(plugin: MakePlugin) -> None:
    plugin("more-speech", "[mfsn.corpora]\nmine = more:THING", version="2.1rc1")
    assert plugins.origin("corpora", "mine")["version"] == "2.1rc1"


def test_a_name_belongs_to_its_kind_only(plugin: MakePlugin) -> None:
    plugin("more-speech", "[mfsn.corpora]\nmine = more:THING\n[other.group]\nx = more:THING")
    assert "mine" in plugins.names("corpora")
    assert not {"mine", "x"} & set(plugins.names("systems"))


@pytest.mark.parametrize(
    ("entry_point", "match"),
    [
        ("mfcc = own:THING", "the distribution mine adds the extractor 'mfcc', but mfsn uses this"),
        ("waveform = own:THING", "'waveform', but mfsn uses this name itself; rename it in that"),
        ("a b = own:THING", "'a b', but a name has only small letters, digits and _, a letter f"),
        ("../x = own:THING", "but a name has only small letters"),
    ],
)
def test_a_name_that_a_plugin_may_not_use_is_refused(
    entry_point: str, match: str, plugin: MakePlugin
) -> None:
    plugin("mine", f"[mfsn.extractors]\n{entry_point}", own="THING = 7")
    for ask in (plugins.load, plugins.require_known, plugins.origin):
        with pytest.raises(ConfigError, match=match):
            ask("extractors", "mfcc")
    assert plugins.load("corpora", "table")


def test_the_reader_joined_cannot_be_added(plugin: MakePlugin) -> None:
    plugin("mine", "[mfsn.corpora]\njoined = own:THING")
    with pytest.raises(ConfigError, match="'joined', but mfsn uses this name itself"):
        plugins.names("corpora")


def test_two_plugins_with_one_name_are_refused(plugin: MakePlugin) -> None:
    for name in ("one", "another"):
        plugin(name, "[mfsn.systems]\nsame = own:THING")
    with pytest.raises(ConfigError, match="adds the system 'same', and so does the distribution"):
        plugins.names("systems")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("", "AttributeError: module 'broken' has no attribute 'THING'"),
        ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("def", "SyntaxError: "),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_named(
    source: str, what: str, plugin: MakePlugin
) -> None:
    plugin("half-done", "[mfsn.protocols]\nhalves = broken:THING", broken=source)
    assert plugins.origin("protocols", "halves")["distribution"] == "half-done"
    with pytest.raises(ConfigError) as caught:
        plugins.load("protocols", "halves")
    assert str(caught.value).startswith(
        "protocol halves cannot be imported from broken:THING of the distribution half-done"
    )
    assert what in str(caught.value)
    assert str(caught.value).endswith("correct or uninstall it")


def test_an_entry_point_that_is_no_reference_is_named(plugin: MakePlugin) -> None:
    plugin("half-done", "[mfsn.protocols]\nhalves = no reference at all!")
    with pytest.raises(
        ConfigError, match="from no reference at all! of the distribution half-done"
    ):
        plugins.load("protocols", "halves")


def test_looking_for_plugins_imports_none(plugin: MakePlugin, tmp_path: Path) -> None:
    plugin("more-speech", "[mfsn.corpora]\nmine = more_speech:THING", more_speech="THING = 7")
    assert "mine" in plugins.names("corpora")
    assert plugins.origin("corpora", "mine")
    assert "more_speech" not in sys.modules
    assert plugins.load("corpora", "mine") == 7
    assert "more_speech" in sys.modules


def test_importing_the_module_looks_at_no_distribution() -> None:
    code = "import mfsn.plugins, sys; print('importlib.metadata' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("system", plugins.names("systems"))
def test_the_code_of_a_fit_holds_nothing_that_is_chosen_by_name(
    system: str, checkout: Path
) -> None:
    source = checkout / "src"
    code = fingerprint(source, [], modules_of(get_system(system)))
    modules = {name for name in code if module_path(source, name)}
    assert "mfsn.runs.unit" in modules
    of_names = {plugins.module_of(kind, name) for kind, name in BUILT_IN if kind != "systems"}
    assert not modules & {*of_names, "mfsn.plugins"}
    for name in modules:
        words = constants(module_path(source, name))
        for kind in ("corpora", "protocols", "systems"):
            assert len(words & set(plugins._BUILT_IN[kind])) < 2, (name, kind)


def constants(path: Path | None) -> set[str]:
    assert path is not None
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
