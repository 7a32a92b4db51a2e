"""The witness finds what is missing, doubled, changed or made up; a witness that sees nothing would be no witness."""

from decimal import Decimal

from tests.rules import DAMP

from aircue_hil.witness import Account, Dropped, Key, Measured, Stored, account, dwell_completed


def key(sequence: int, quantity: str = "humidity", node: str = "bath") -> Key:
    return node, 1, sequence, quantity


def measured(sequence: int, value: str = "81.237", **more: bool) -> Measured:
    return Measured(
        key=key(sequence),
        value=Decimal(value),
        real_s=100.0 + sequence,
        world_ms=sequence * 300_000,
        glitch=more.get("glitch", False),
    )


def stored(sequence: int, value: str = "81.24") -> Stored:
    return Stored(key=key(sequence), value=Decimal(value))


def told(
    *rows: Stored, sampled: int = 3, suppressed: set[Key] | None = None, dropped: tuple[Dropped, ...] = ()
) -> Account:
    return account([measured(n) for n in range(1, sampled + 1)], rows, suppressed or set(), dropped)


def test_everything_in_the_cloud_is_everything_in_order() -> None:
    result = told(stored(1), stored(2), stored(3))
    assert (result.sampled, result.in_cloud, result.lost, result.stored_twice) == (3, 3, (), ())
    assert result.balanced


def test_a_missing_reading_is_lost() -> None:
    assert told(stored(1), stored(3)).lost == (key(2),)


def test_a_suppressed_or_declared_reading_is_not_lost() -> None:
    result = told(stored(1), suppressed={key(2)}, dropped=(Dropped(node="bath", boot=1, first=3, last=9),))
    assert (result.in_cloud, result.suppressed, result.declared_dropped, result.lost) == (1, 1, 1, ())


def test_a_loss_declared_for_another_boot_explains_nothing() -> None:
    result = told(stored(1), stored(2), dropped=(Dropped(node="bath", boot=2, first=1, last=9),))
    assert result.lost == (key(3),)


def test_what_is_in_the_cloud_counts_there_and_nowhere_else() -> None:
    every = (stored(1), stored(2), stored(3))
    result = told(*every, suppressed={key(1)}, dropped=(Dropped(node="bath", boot=1, first=1, last=3),))
    assert (result.in_cloud, result.suppressed, result.declared_dropped) == (3, 0, 0)


def test_a_reading_stored_twice_is_named() -> None:
    assert told(stored(1), stored(2), stored(2), stored(3)).stored_twice == (key(2),)


def test_a_value_that_is_not_the_buss_is_named() -> None:
    result = told(stored(1), stored(2, "81.25"), stored(3))
    assert (result.wrong_value, result.balanced) == ((key(2),), False)


def test_a_reading_nobody_measured_is_named() -> None:
    result = told(stored(1), stored(2), stored(3), stored(4))
    assert (result.never_measured, result.balanced) == ((key(4),), False)


def test_the_read_that_completes_the_dwell_is_found_from_the_bus_alone() -> None:
    rows = [measured(n) for n in range(1, 8)]
    assert [row.key for row in dwell_completed(DAMP, "bath", rows)] == [key(4)]


def test_an_injected_glitch_does_not_reset_the_dwell_it_is_none_of_the_airs() -> None:
    rows = [measured(n, "20" if n == 3 else "81.237", glitch=n == 3) for n in range(1, 8)]
    assert [row.key for row in dwell_completed(DAMP, "bath", rows)] == [key(4)]


def test_another_nodes_reads_complete_nothing() -> None:
    assert dwell_completed(DAMP, "kitchen", [measured(n) for n in range(1, 8)]) == []
