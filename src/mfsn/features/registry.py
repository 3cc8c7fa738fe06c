"""Extractors by name.

A plug-in adds an extractor by an entry point in the group `mfsn.extractors`. The entry point names
a class with the members of `mfsn.features.base.Extractor`, and with these:

    config_type: ClassVar[type[Config]]    the type of its section of params.yaml
    __init__(config, sample_rate_hz, samples)    without `samples` if the scope is `utterance`;
        with `config` only if it is `text` (see `mfsn.features.base.TextExtractor`)
    as_published()    optional class method: the class for `segment.reading: as_published`

Its name in params.yaml is the name of the entry point, and `name` is the same. Classes are imported
only when they are asked for, so that importing this module imports no tensors, and a stage depends
on the code of its own extractor only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast, get_args

from mfsn import plugins
from mfsn.config import Config
from mfsn.errors import ConfigError
from mfsn.segments.config import Reading

if TYPE_CHECKING:
    from mfsn.features.base import Extractor, Scope


def config_type(name: str) -> type[Config]:
    """The type of an extractor's section of params.yaml.

    Raises:
        ConfigError: as `mfsn.plugins.load`; or if the extractor does not declare the type.
    """
    found = getattr(plugins.load("extractors", name), "config_type", None)
    if not (isinstance(found, type) and issubclass(found, Config)):
        raise _incomplete(name, "has no config_type that is a subclass of mfsn.config.Config")
    return found


def scope_of(name: str) -> Scope:
    """What a row of an extractor belongs to. Its class says it, so no extractor is made.

    Raises:
        ConfigError: as `mfsn.plugins.load`; or if the extractor does not declare it.
    """
    return _scope(name, plugins.load("extractors", name))


def make_extractor(
    name: str, config: Config, sample_rate_hz: int, samples: int, reading: Reading = "fixed"
) -> Extractor:
    """Make an extractor.

    Args:
        name: an extractor of mfsn or of a plug-in.
        config: its section of params.yaml.
        sample_rate_hz: sample rate of the waves that it will be given.
        samples: length of a segment. An extractor of scope `utterance` is made without it.
        reading: how segments become features.

    Raises:
        ConfigError: if there is no such extractor, it has another name than its entry point, or its
            parameters contradict each other or the segment.
        ModelLoadError: if its encoder cannot be loaded.
    """
    cls = plugins.load("extractors", name)
    if reading == "as_published" and hasattr(cls, "as_published"):
        cls = cls.as_published()
    if getattr(cls, "name", None) != name:  # the identity of its rows names it by its own name
        raise _incomplete(name, f"has the name {getattr(cls, 'name', None)!r}, not {name!r}")
    given = {"text": (), "utterance": (sample_rate_hz,)}.get(
        _scope(name, cls), (sample_rate_hz, samples)
    )
    made = cls(config, *given)
    if not hasattr(made, "context"):
        raise _incomplete(name, "has no context, which is segment, utterance or text")
    return cast("Extractor", made)


def remake_extractor(
    name: str,
    about: Mapping[str, Any],
    sample_rate_hz: int,
    samples: int,
    reading: Reading = "fixed",
) -> Extractor:
    """Make an extractor again from its own description, as digests and models keep it.

    Args:
        name: an extractor of mfsn or of a plug-in.
        about: its `about`, as read from JSON.
        sample_rate_hz: sample rate of the waves that it will be given.
        samples: length of a segment.
        reading: how segments become features.

    Raises:
        ConfigError: if this version does not know one of the parameters; as `make_extractor`.
        ModelLoadError: as `make_extractor`.
    """
    return make_extractor(name, kept_config(name, about), sample_rate_hz, samples, reading)


def kept_config(name: str, about: Mapping[str, Any]) -> Config:
    """The configuration of an extractor, from its own description.

    Args:
        name: an extractor of mfsn or of a plug-in.
        about: its `about`, as read from JSON.

    Raises:
        ConfigError: if this version does not know one of the parameters.
    """
    values = dict(about["config"])
    if isinstance(values.get("levels"), dict):
        values["levels"] = {level: values["levels"][level] for level in about["levels"]}
    kind = config_type(name)
    if "levels" in about and "context" in kind.model_fields:
        values = {"context": "segment"} | values  # see `EncoderExtractor.about`
    return kind.parse(values, where=f"the model's {name}")


def _scope(name: str, cls: Any) -> Scope:
    from mfsn.features.base import Scope

    found = getattr(cls, "scope", None)
    if found not in get_args(Scope):
        raise _incomplete(name, "has no scope, which is segment, utterance or text")
    return cast("Scope", found)


def _incomplete(name: str, what: str) -> ConfigError:
    origin = plugins.origin("extractors", name).get("distribution", "mfsn")
    return ConfigError(f"extractor {name} of the distribution {origin} {what}; correct it there")
