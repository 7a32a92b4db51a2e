"""The arithmetic behind the figures, on days whose answer is known."""

from decimal import Decimal

import pytest
from tests.bench import day, heap, reconnects
from tests.bench.stage import Delivered

from aircue_hil.witness import Dropped, Key, Measured, Stored

BOUND = 5


def measured(boot: int, count: int) -> list[Measured]:
    return [
        Measured(key=("n", boot, sequence, "humidity"), value=Decimal(50), real_s=0.0, world_ms=0)
        for sequence in range(1, count + 1)
    ]


def found(keys: list[Key], dropped: tuple[Dropped, ...] = (), gaps: tuple[Key, ...] = ()) -> Delivered:
    rows = tuple(Stored(key=key, value=Decimal(50)) for key in keys)
    return Delivered(stored=rows, gaps=frozenset(gaps), suppressed=frozenset(), dropped=dropped, installations=1)


def result(buses: list[Measured], delivered: Delivered, boots: int) -> day.Result:
    """Every boot but the last was ended by a power cut."""
    return day.reckon(buses, delivered, BOUND, range(1, boots), boots, 0)


def test_a_day_on_which_everything_arrived() -> None:
    buses = measured(1, 20)
    got = result(buses, found([row.key for row in buses]), 1)
    assert (got.readings, got.lost, got.duplicates, got.wrong, got.at_cuts) == (20, 0, 0, 0, ())


def test_what_a_power_cut_may_cost_is_told_apart_from_what_it_may_not() -> None:
    buses = measured(1, 20) + measured(2, 20)
    few = result(buses, found([row.key for row in buses if row.key[:3] < ("n", 1, 17) or row.key[1] == 2]), 2)
    assert (few.lost, few.at_cuts) == (0, (4,))
    many = result(buses, found([row.key for row in buses if row.key[1] == 2]), 2)
    assert (many.lost, many.at_cuts) == (15, (5,))


def test_the_boot_that_nothing_ended_may_lose_nothing() -> None:
    buses = measured(1, 20)
    assert result(buses, found([row.key for row in buses][:-1]), 1).lost == 1


def test_a_boot_that_ended_by_itself_may_lose_nothing_either() -> None:
    buses = measured(1, 20) + measured(2, 20)
    few = found([row.key for row in buses if row.key[:3] < ("n", 1, 17) or row.key[1] == 2])
    got = day.reckon(buses, few, BOUND, (), 2, 0)
    assert (got.lost, got.at_cuts, got.resets) == (4, (), 1)
    assert result(buses, few, 2).resets == 0


def test_what_the_ledger_declares_is_not_lost() -> None:
    dropped = Dropped(node="n", boot=1, first=3, last=4)
    buses = measured(1, 10)
    got = result(buses, found([row.key for row in buses if row.key[2] not in (3, 4)], (dropped,)), 1)
    assert (got.lost, got.declared) == (0, 2)


def test_what_a_sensor_said_before_it_is_believed_is_a_gap_of_the_first_sample_and_no_loss() -> None:
    buses = measured(1, 3)
    keys = [row.key for row in buses]
    got = result(buses, found(keys[1:], gaps=(keys[0],)), 1)
    assert (got.lost, got.not_believed) == (0, 1)


def test_a_gap_in_a_later_sample_whose_value_the_buses_saw_is_lost() -> None:
    buses = measured(1, 3)
    keys = [row.key for row in buses]
    got = result(buses, found(keys[:2], gaps=(keys[2],)), 1)
    assert (got.lost, got.not_believed) == (1, 0)


def test_a_first_sample_that_never_arrived_is_lost() -> None:
    buses = measured(1, 3)
    got = result(buses, found([row.key for row in buses][1:]), 1)
    assert (got.lost, got.not_believed) == (1, 0)


def test_a_reading_that_comes_twice_and_one_nobody_measured_are_counted() -> None:
    buses = measured(1, 3)
    keys = [row.key for row in buses]
    got = result(buses, found([*keys, keys[0], ("n", 1, 99, "humidity")]), 1)
    assert (got.duplicates, got.wrong) == (1, 1)


def test_the_script_of_a_day_has_what_was_asked_for_and_ends_in_quiet() -> None:
    faults = day.script(180.0, 1)
    count = {what: len([one for one in faults if one.what == what]) for what in {one.what for one in faults}}
    assert count == {"wifi-outage": 3, "gateway-kill": 2, "power-cut": 20}
    assert max(one.at_s + one.for_s for one in faults) < 180.0
    outages = [one for one in faults if one.what == "wifi-outage"]
    cuts = [one for one in faults if one.what == "power-cut"]
    assert sum(any(o.at_s < c.at_s < o.at_s + o.for_s for o in outages) for c in cuts) >= 6


def test_a_percentile_is_the_nearest_rank() -> None:
    assert reconnects.percentile([float(n) for n in range(1, 101)], 0.99) == 99.0
    assert reconnects.percentile([3.0, 1.0], 0.5) == 1.0


def test_a_slope_and_its_error() -> None:
    slope, error = heap.slope_of([(0.0, 10), (1.0, 13), (2.0, 14), (3.0, 17)])
    assert slope == pytest.approx(2.2)
    assert error == pytest.approx(0.08**0.5)  # by hand: residuals -0.2 0.6 -0.6 0.2, so (0.8 / 2 / 5) ** 0.5
