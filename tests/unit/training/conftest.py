"""Fits compute with one thread here, as in the stages."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _as_in_the_stages(one_thread: None) -> None:
    pass
