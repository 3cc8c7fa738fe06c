"""Which licences let anybody pass features on."""

from __future__ import annotations

import pandas as pd
import pytest

from mfsn.corpora.facts import load_facts
from mfsn.corpora.licences import is_free_to_share
from mfsn.errors import LicenceError
from mfsn.sharing.licence import refuse_unlicensed, restrictions


@pytest.mark.parametrize(
    "licence",
    ["CC0", "CC0 1.0", "cc-by-4.0", "CC BY 4.0", "CC BY-SA 3.0", "public domain", " CC BY 4.0 ",
     load_facts("demo").licence],
)  # fmt: skip
def test_free(licence: str) -> None:
    assert is_free_to_share(licence)


@pytest.mark.parametrize(
    "licence",
    ["", "not stated", "CC BY-NC 4.0", "CC BY-NC-SA 4.0", "CC BY-ND 4.0", "CC BY 4.0 but ask me",
     "research only", *(load_facts(name).licence for name in ("ravdess", "emodb", "table"))],
)  # fmt: skip
def test_not_free(licence: str) -> None:
    assert not is_free_to_share(licence)


def test_each_licence_is_counted_and_an_empty_one_is_named() -> None:
    manifest = pd.DataFrame({"licence": ["CC BY 4.0", "", "mine", "mine"]})
    clauses = restrictions("toy", manifest)
    assert clauses == ["toy (1 utterances: no licence stated)", "toy (2 utterances: mine)"]
    with pytest.raises(LicenceError, match="nothing was copied to /there"):
        refuse_unlicensed(clauses, "/there")
    refuse_unlicensed([], "/there")
