"""A restart in the middle of a series: flags, revisions, smoothed values and the mould index go on as without it."""

import json
import os
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.recorded_disk import MemoryDisk
from tests.gateway.samples import BEGAN_S, BOOT, INSTALLATION, NODE, birth, message

from aircue_gateway.batch import Status
from aircue_gateway.cleaning import memory, pipeline
from aircue_gateway.config import CleaningConfig, DeadbandConfig, SmoothingConfig
from aircue_gateway.intake import Intake
from aircue_gateway.spool.spool import Limits, Spool
from aircue_gateway.window import RevisionRow, SampleRow
from aircue_node import contract

SMALL = Limits(segment=2 * 1024)  # less than comes in between two looks at what was learnt
METHODS = ("none", "median", "ewma", "one-euro", "kalman")
EVERY_S = 20
SAMPLES_A_COMMIT = 4
Wire = tuple[int, int]  # temperature and humidity in hundredths


class Gateway:
    """Intake and spool. rows and revisions: all that it has made so far, over all restarts."""

    def __init__(self, config: CleaningConfig) -> None:
        self.config = config
        self.disk = MemoryDisk()
        self.rows: list[SampleRow] = []
        self.revisions: list[RevisionRow] = []
        self.start()
        self.take("birth", birth())
        self.commit()

    def start(self) -> None:
        self.spool = Spool.on(self.disk, "gw-1", BEGAN_S * 1000, SMALL)
        self.intake = Intake(self.config, self.spool.load())

    def take(self, leaf: str, payload: bytes, at_s: int = 0) -> None:
        self.intake.take(message(leaf, payload), (BEGAN_S + at_s) * 1000)

    def commit(self) -> None:
        window = self.intake.swap()
        self.spool.commit(window)
        self.rows += window.samples
        self.revisions += window.revisions

    def sample(self, number: int, wire: Wire, late: bool = False) -> None:
        at_s = number * EVERY_S
        one = (number, at_s * 1000, BEGAN_S + at_s, list(wire))
        if late:
            self.take("backlog", contract.encode_backlog(INSTALLATION, BOOT, [one]), at_s)
        else:
            self.take("samples", contract.encode_sample(INSTALLATION, BOOT, one), at_s)

    @property
    def mould(self) -> float:
        latest = self.intake.airs[NODE.id].latest
        return latest["mould_index"][1] if latest else 0.0


def air(number: int, random: Random) -> Wire:
    """Damp and warm, so that mould grows; with spikes, bursts, steps and stretches that stand still."""
    temperature, humidity = 2400 + random.randrange(-5, 6), 9300 + random.randrange(-20, 21)
    kind = random.random()
    if kind < 0.04:
        temperature += random.choice((-1, 1)) * random.randrange(300, 900)
    if kind > 0.97:
        humidity = 3000
    if number // 40 % 3 == 2:
        temperature += 600
    if number // 60 % 4 == 3:
        humidity = 9111
    return temperature, humidity


def played(config: CleaningConfig, seed: int, samples: int, restarts: set[int], backlog: bool = False) -> Gateway:
    """Every seventh sample comes late, where there is a backlog; before each sample in restarts the gateway dies, when
    all so far is on the disk."""
    gateway, random = Gateway(config), Random(seed)
    for number in range(1, samples + 1):
        if number in restarts or number % SAMPLES_A_COMMIT == 0:
            gateway.commit()
        if number in restarts:
            gateway.start()
        if number % 50 == 0:
            gateway.spool.seal(BEGAN_S * 1000, urgent=False)
            while (ready := gateway.spool.next_batch(BEGAN_S * 1000)) is not None:
                gateway.spool.delivered(ready.sequence)
        gateway.sample(number, air(number, random), late=backlog and number % 7 == 0)
    gateway.commit()
    return gateway


@settings(max_examples=100 if os.environ.get("AIRCUE_LONG") else 15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    restarts=st.sets(st.integers(1, 300), max_size=6),
    method=st.sampled_from(METHODS),
    backlog=st.booleans(),
)
def test_a_restart_at_any_point_changes_no_flag_no_revision_and_no_mould_index(
    seed: int, restarts: set[int], method: str, backlog: bool
) -> None:
    config = CleaningConfig(smoothing=SmoothingConfig(method=method))
    whole, again = played(config, seed, 300, set(), backlog), played(config, seed, 300, restarts, backlog)
    assert [row.statuses for row in again.rows] == [row.statuses for row in whole.rows]
    assert again.revisions == whole.revisions
    assert again.mould == whole.mould > 0


def test_the_series_of_this_test_has_what_it_claims() -> None:
    gateway = played(CleaningConfig(), 1, 300, set())
    found = {status for row in gateway.rows for status in row.statuses}
    assert found >= {Status.OK, Status.SPIKE}
    assert len(gateway.revisions) > 10


def test_without_what_was_learnt_the_flags_would_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is what the tests above would see."""
    whole = played(CleaningConfig(), 1, 300, set())
    monkeypatch.setattr(Intake, "_recall", lambda _self, _stored: None)
    again = played(CleaningConfig(), 1, 300, {100, 150, 200, 250})
    assert [row.statuses for row in again.rows] != [row.statuses for row in whole.rows]
    assert again.mould != whole.mould


def test_what_was_learnt_hours_ago_is_still_known_when_its_segments_are_long_gone() -> None:
    """A day of a sample every 20 s turns the segments over many times."""
    restarts = set(range(500, 4320, 977))
    whole, again = played(CleaningConfig(), 5, 4320, set()), played(CleaningConfig(), 5, 4320, restarts)
    assert min(again.spool._store.log.sizes) > 3
    assert [row.statuses for row in again.rows] == [row.statuses for row in whole.rows]
    assert again.mould == whole.mould > 0.01


def test_another_configuration_starts_from_the_samples_alone() -> None:
    gateway = played(CleaningConfig(), 1, 100, set())
    gateway.config = CleaningConfig(smoothing=SmoothingConfig(method="ewma"))
    gateway.start()
    for number in range(101, 140):
        gateway.sample(number, air(number, Random(number)))
    gateway.commit()
    assert gateway.mould > 0


def test_another_surface_begins_another_mould_index() -> None:
    gateway = played(CleaningConfig(), 1, 200, set())
    assert gateway.mould > 0
    gateway.intake.configure(CleaningConfig(mould_surface="resistant"))
    assert gateway.mould == 0


def test_a_rule_is_told_of_each_sample_once(caplog: pytest.LogCaptureFixture) -> None:
    gateway = played(CleaningConfig(), 1, 50, set())
    states = gateway.spool.load().states
    gateway.start()
    assert gateway.intake.swap().states == {}
    assert gateway.spool.load().states == states


def test_a_rule_that_is_new_hears_nothing_of_the_past_after_a_restart() -> None:
    """It begins with the first sample behind it: an episode of this morning would be pushed tonight."""
    gateway = played(CleaningConfig(), 1, 50, set())
    damp = {
        "need": "damp-air",
        "quantity": "humidity",
        "direction": "above",
        "enter": 80,
        "exit": 78,
        "on_start": "fire",
    }
    timing = {"dwell_s": 0, "keep_s": 0, "max_gap_s": 1800}
    gateway.spool.put_rules(json.dumps({"version": "1", "rules": [{**damp, **timing}]}))
    gateway.start()
    assert gateway.intake.swap().states == {}
    gateway.sample(51, (2400, 9300))
    gateway.commit()
    (state,) = gateway.spool.load().states.values()
    assert state.since == BEGAN_S + 51 * EVERY_S


def fed(one: pipeline.Pipeline, seed: int, since: int, until: int) -> list[Any]:
    random, found = Random(seed), []
    for number in range(until):
        value = air(number, random)[0] / 100
        if number >= since:
            found.append((one.update(20.0 * number, value), one.smoothed, [tuple(each) for each in one.revised]))
            one.revised.clear()
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), at=st.integers(0, 120), method=st.sampled_from(METHODS), deadband=st.booleans())
def test_every_filter_goes_on_from_what_it_had_learnt(seed: int, at: int, method: str, deadband: bool) -> None:
    width = {"temperature": 0.05} if deadband else {}
    config = CleaningConfig(smoothing=SmoothingConfig(method=method), deadband=DeadbandConfig(width=width))

    def make() -> pipeline.Pipeline:
        return pipeline.build(config, "temperature", lambda _at, _value: False)

    whole, again = make(), make()
    fed(whole, seed, 0, at)
    memory.teach_pipeline(again, memory.of_pipeline(whole, make()))
    assert fed(again, seed, at, 160) == fed(whole, seed, at, 160)
