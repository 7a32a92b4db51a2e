"""Installation and boot: the pair never comes twice."""

from pathlib import Path

import pytest

from aircue_node import identity


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_first_boot_draws_an_installation_and_later_boots_keep_it() -> None:
    assert identity.start(lambda: 42) == (42, 1)
    assert identity.start(lambda: 99) == (42, 2)


@pytest.mark.parametrize("damaged", ["installation", "boot"])
def test_damaged_storage_begins_a_new_installation(storage: Path, damaged: str) -> None:
    identity.start(lambda: 42)
    (storage / damaged).write_text("")
    assert identity.start(lambda: 99) == (99, 1)


def test_a_boot_counter_half_written_does_not_count(storage: Path) -> None:
    identity.start(lambda: 42)
    (storage / "boot.new").write_text("")
    assert identity.start(lambda: 99) == (42, 2)
