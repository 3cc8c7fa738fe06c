"""How things run comes from the environment, checked before anything starts."""

from __future__ import annotations

import pytest
import torch

from mfsn import runtime
from mfsn.errors import ConfigError


@pytest.mark.parametrize("asked", ["gpu", "cuda:7", "tpu"])
def test_a_device_that_is_not_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("MFSN_DEVICE", asked)
    with pytest.raises(ConfigError, match=f"MFSN_DEVICE={asked}: torch sees cpu"):
        runtime.device()


def test_the_processor_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFSN_DEVICE", "cpu")
    assert runtime.device() == "cpu"


def test_a_gpu_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MFSN_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runtime.device() == "cuda"


@pytest.mark.parametrize(
    "text", ["0", "-1", "two", "²", "", "1.5", "1e3", "1025", "1000000", "9" * 5000]
)
@pytest.mark.parametrize("variable", ["MFSN_THREADS", "MFSN_JOBS"])
def test_counts_are_whole_numbers_from_one(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    function = runtime.threads if variable == "MFSN_THREADS" else runtime.jobs
    with pytest.raises(ConfigError, match=f"{variable}=.*whole number from 1") as raised:
        function()
    assert len(str(raised.value)) < 200


def test_counts_default_to_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MFSN_THREADS", raising=False)
    monkeypatch.setenv("MFSN_JOBS", "3")
    assert runtime.threads() == runtime.processors()
    assert runtime.jobs() == 3
