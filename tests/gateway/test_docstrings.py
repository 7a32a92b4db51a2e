"""The examples in docstrings run."""

import doctest
import importlib

import pytest

CLEANING = (
    "range", "rate", "stuck", "spike", "smoothing", "deadband", "gaps", "merging", "derived", "mould", "air",
)  # fmt: skip
MODULES = [
    "batches.coders",
    "clock",
    "intervals",
    "intakes.limits",
    "intakes.routes",
    *(f"cleaning.{name}" for name in CLEANING),
]
MODULES += ["units", "payloads.state"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"aircue_gateway.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
