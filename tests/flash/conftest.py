"""Most of these tests open a simulated board's port."""

import pytest


@pytest.fixture(autouse=True)
def port_there(pseudo_terminals: None) -> None:
    """A pseudo terminal stands for it."""
