"""The spool: what was committed leaves in exactly one batch, whatever happens in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.samples import BOOT, INSTALLATION, NODE, STREAM, sealed, sequences

from aircue_gateway.alerts import Episode, Standing
from aircue_gateway.batch import Channel, Loss, Status
from aircue_gateway.episodes import Phase, State
from aircue_gateway.report import dead_letters, status
from aircue_gateway.spool.spool import Limits, Spool, SpoolError
from aircue_gateway.window import BirthRow, DeadLetter, SampleRow, StreamRow, Window

NOW_MS = 1_763_751_302_000
CHANNELS = (Channel(quantity="temperature", unit="Cel", scale=100), Channel(quantity="co2", unit="ppm", scale=1))
BIRTH = BirthRow(id=1, site=NODE.site, node=NODE.id, installation=INSTALLATION, boot=BOOT, channels=CHANNELS)
LOSS = Loss(node=NODE.id, installation=INSTALLATION, boot=16, first=301, last=480, samples=180, where="node")


def row(sequence: int) -> SampleRow:
    return SampleRow(
        1, sequence, 1000 * sequence, NOW_MS + 1000 * sequence, NOW_MS, True, (2150, None), (Status.SPIKE, Status.GAP)
    )


def window(*numbers: int, births: tuple[BirthRow, ...] = ()) -> Window:
    return Window(births=list(births), samples=[row(number) for number in numbers])


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    one = Spool.open(tmp_path, "gw-1", NOW_MS)
    one.commit(window(births=(BIRTH,)))
    yield one
    one.close()


def test_a_sealed_batch_holds_what_was_committed(spool: Spool) -> None:
    spool.commit(window(2, 1))
    assert spool.seal(NOW_MS, urgent=False) == 1
    (batch,) = sealed(spool)
    (group,) = batch.groups
    assert (batch.gateway, batch.sequence, batch.sealed_at_ms) == ("gw-1", 1, NOW_MS)
    assert (group.site, group.node, group.installation, group.boot) == (NODE.site, *STREAM)
    assert group.channels == CHANNELS
    assert [one.sequence for one in group.samples] == [1, 2]
    first = group.samples[0]
    assert (first.values, first.statuses, first.clock) == ((2150, None), (Status.SPIKE, Status.GAP), "gateway")
    assert (first.uptime_ms, first.measured_at_ms, first.received_at_ms) == (1000, NOW_MS + 1000, NOW_MS)


def test_nothing_is_sealed_twice_and_an_empty_batch_never(spool: Spool) -> None:
    spool.commit(window(1))
    assert [spool.seal(NOW_MS, urgent=False) for _ in range(2)] == [1, 0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(st.sampled_from(["commit", "seal", "send", "restart"]), max_size=25))
def test_whatever_the_order_every_sample_leaves_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    folder, next_sequence, sent = tmp_path_factory.mktemp("spool"), 1, []
    spool = Spool.open(folder, "gw-1", NOW_MS)
    spool.commit(window(births=(BIRTH,)))
    for step in steps:
        if step == "commit":
            spool.commit(window(next_sequence, next_sequence + 1))
            next_sequence += 2
        elif step == "seal":
            spool.seal(NOW_MS, urgent=False)
        elif step == "send":
            sent += sealed(spool)
        else:
            spool.close()
            spool = Spool.open(folder, "gw-1", NOW_MS)
    spool.seal(NOW_MS, urgent=False)
    sent += sealed(spool)
    spool.close()
    assert sorted(sequences(sent)) == list(range(1, next_sequence))
    assert len({batch.id for batch in sent}) == len(sent)


def test_everything_a_restart_needs_is_there(tmp_path: Path) -> None:
    state = Standing(
        phase=Phase.FIRING, since=1.0, held_s=900.0, last_at=901.5, peak=85.5,
        episodes=(Episode("5f0c9a12-id", 1.0, None),), recent=((901.5, 85.5),), before=State(since=0.5),
    )  # fmt: skip
    full = window(1, births=(BIRTH,))
    full.streams = {STREAM: StreamRow(ranges=((1, 1), (3, 7)), offset_ms=NOW_MS, known=True)}
    full.losses, full.states, full.retained = [LOSS], {("damp-air", NODE.id): state}, {"aircue/a/b/birth": b"{}"}
    first = Spool.open(tmp_path, "gw-1", NOW_MS)
    first.commit(full)
    first.close()
    again = Spool.open(tmp_path, "gw-1", NOW_MS)
    stored = again.load()
    again.close()
    assert stored.births == (BIRTH,)
    assert stored.streams == full.streams
    assert stored.losses == (LOSS,)
    assert stored.states == full.states
    assert stored.retained == full.retained


def test_a_state_that_moves_on_keeps_its_episode_and_does_not_write_it_again(tmp_path: Path) -> None:
    spool, key, sizes = Spool.open(tmp_path, "gw-1", NOW_MS), ("damp-air", NODE.id), []
    for held_s in (900.0, 930.0):
        episodes = (Episode("0b7ad3e0-6f0e-4f0c-9a12-7d1f4c3f2b10", 1.0, None),)
        state = Standing(phase=Phase.FIRING, since=1.0, held_s=held_s, last_at=held_s, peak=85.5, episodes=episodes)
        begin = spool._store.log.end
        spool.commit(Window(states={key: state}, samples=[]))
        sizes.append(spool._store.log.end - begin)
    spool.close()
    again = Spool.open(tmp_path, "gw-1", NOW_MS)
    assert again.load().states == {key: state}
    again.close()
    assert sizes[1] < sizes[0] - 36


def test_a_loss_travels_once_and_again_when_it_grew(spool: Spool) -> None:
    for losses in ([LOSS], [], [Loss(**{**_fields(LOSS), "last": 490, "samples": 190})]):
        spool.commit(Window(losses=losses))
        spool.seal(NOW_MS, urgent=False)
    assert [[loss.samples for loss in batch.losses] for batch in sealed(spool)] == [[180], [190]]


def _fields(loss: Loss) -> dict[str, object]:
    return {name: getattr(loss, name) for name in Loss.__slots__}


def test_a_fresh_urgent_batch_goes_first_and_the_others_in_order(spool: Spool) -> None:
    for number, (sealed_at_ms, urgent) in enumerate([(0, True), (1, False), (NOW_MS, False), (NOW_MS, True)], start=1):
        spool.commit(window(number))
        spool.seal(sealed_at_ms, urgent)
    order = []
    while (ready := spool.next_batch(NOW_MS)) is not None:
        order.append(ready.sequence)
        spool.delivered(ready.sequence)
    assert order == [4, 1, 2, 3]


def seals(spool: Spool, *numbers: int) -> None:
    """Each in a batch of its own, of that number."""
    for number in numbers:
        spool.commit(window(number))
        spool.seal(NOW_MS, urgent=False)


def given(spool: Spool) -> int:
    ready = spool.next_batch(NOW_MS)
    assert ready is not None
    return ready.sequence


def test_what_is_new_goes_before_what_had_to_wait(spool: Spool) -> None:
    seals(spool, 1, 2, 3, 4)
    order = []
    for new in (None, None, 5, None, None):
        if new is not None:
            seals(spool, new)
        order.append(given(spool))
        spool.delivered(order[-1])
    assert order == [4, 1, 5, 2, 3]


def test_an_outage_offers_one_batch_again_and_again_and_leaves_the_others_to_be_thinned(spool: Spool) -> None:
    seals(spool, 1)
    assert given(spool) == 1
    for number in range(2, 6):
        seals(spool, number)
        assert given(spool) == 1
    assert [sequence for sequence, entry in spool.book.batches.items() if entry.offered] == [1]
    spool.delivered(1)
    assert given(spool) == 5


def test_a_refused_batch_is_kept_and_not_sent_again(spool: Spool, tmp_path: Path) -> None:
    for number in (1, 2):
        spool.commit(window(number))
        spool.seal(NOW_MS, urgent=False)
    spool.refused(1, "422 wrong hash")
    assert sequences(sealed(spool)) == [2]
    found = status(tmp_path)
    assert (found["refused_batches"], found["waiting_batches"]) == (1, 0)
    assert found["counters"]["batches_refused"] == 1


def test_a_large_backlog_becomes_several_batches(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aircue_gateway.spool.spool._LARGEST_BATCH", 3)
    spool.commit(window(*range(1, 8)))
    assert spool.seal(NOW_MS, urgent=False) == 3
    assert sequences(sealed(spool)) == list(range(1, 8))


def test_a_spool_belongs_to_one_process(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="used by another gateway"):
        Spool.open(tmp_path, "gw-1", NOW_MS)


def test_dead_letters_are_listed_and_the_oldest_forgotten(
    tmp_path: Path,
) -> None:
    """The quota holds two files of one letter each."""
    spool = Spool.open(tmp_path, "gw-1", NOW_MS, Limits(dead_letters=300))
    for payload in (b"first", b"second", b"\xff"):
        letter = DeadLetter(received_at_ms=NOW_MS, topic="aircue/a/b/samples", reason="no JSON", payload=payload)
        spool.commit(Window(dead_letters=[letter]))
    found = dead_letters(tmp_path)
    spool.close()
    assert status(tmp_path)["dead_letters_kept"] == 2
    assert [(one["id"], one.get("payload"), one.get("payload_hex")) for one in found] == [
        (2, "second", None),
        (3, None, "ff"),
    ]
