"""The examples in docstrings run."""

import doctest
import importlib

import pytest

MODULES = ["clock", "intervals", "limits", "routes", "cleaning.range", "cleaning.spike", "cleaning.deadband"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"aircue_gateway.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
