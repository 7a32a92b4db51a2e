"""The compiled reader of batches: what it takes, the gateway's own reader takes too, to the last value; and the other
way round it may leave alone whatever no gateway writes."""

import hashlib
import random
from contextlib import suppress
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cloud.stage import START_MS, batch, humidity
from tests.contract import batch1
from tests.contract.golden import golden
from tests.contract.packed import PACK

from aircue_cloud.errors import Refused
from aircue_cloud.ingest import columns, contents
from aircue_cloud.ingest.columns import Columns
from aircue_gateway.batch import Batch, Channel, Group, Loss, Revision, Sample, Status, encode
from aircue_gateway.batches.presets import PRESETS

pytestmark = pytest.mark.system  # compiling takes half a minute where this machine has never done so


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    columns.warm()


def same(one: Columns, other: Columns) -> None:
    for field in fields(Columns):
        mine, yours = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, yours, field.name)
        else:
            assert mine == yours, field.name


def by_the_gateway(data: bytes, gateway: str = "gw-1") -> Columns | None:
    try:
        return columns.of_batch(contents.read(data, gateway))
    except Refused:
        return None


def compiled_alone(data: bytes, gateway: str = "gw-1") -> Columns | None:
    """None for what it leaves to the other reader."""
    found = columns._walked(data)
    return found if found is not None and columns._is_sound(found, gateway) else None


NAMES = st.sampled_from(["home-1", "bathroom", "living-room", "x", "3f9c21d0", "küche", "deadbeef01"])
CHANNELS = st.lists(
    st.one_of(
        st.sampled_from([Channel(quantity=p.quantity, unit=p.unit, scale=p.scale) for p in PRESETS]),
        st.builds(Channel, quantity=NAMES, unit=st.sampled_from(["", "Cel", "bq"]), scale=st.integers(1, 10**9)),
    ),
    max_size=4,
    unique=True,
).map(tuple)
VALUES = st.one_of(st.integers(-3000, 3000), st.integers(-(10**8), 10**8), st.just(2150))


@st.composite
def samples(draw: st.DrawFn, channels: int) -> tuple[Sample, ...]:
    at, sequence, found = START_MS, draw(st.integers(0, 100_000)), []
    for _ in range(draw(st.integers(0, 30))):
        at += draw(st.sampled_from([30_000, 30_001, 60_000, 5]))
        sequence += draw(st.sampled_from([1, 1, 1, 2, 1000]))
        statuses = tuple(draw(st.sampled_from(list(Status))) for _ in range(channels))
        values = tuple(draw(VALUES) if status.carries_value else None for status in statuses)
        late = draw(st.sampled_from([0, 0, 1000, 3_600_000]))
        clock = draw(st.sampled_from(["node", "gateway"]))
        found.append(
            Sample(
                sequence=sequence,
                uptime_ms=at - START_MS + draw(st.integers(0, 9)),
                measured_at_ms=at,
                received_at_ms=at + late,
                clock=clock,
                values=values,
                statuses=statuses,
            )
        )
    return tuple(found)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    groups = []
    for _ in range(draw(st.integers(0, 4))):
        channels = draw(CHANNELS)
        groups.append(
            Group(
                site=draw(NAMES),
                node=draw(NAMES),
                installation=draw(st.integers(0, 2**32 - 1)),
                boot=draw(st.integers(0, 50)),
                channels=channels,
                samples=draw(samples(len(channels))),
            )
        )
    whole = st.integers(0, 10**6)
    losses = st.builds(
        lambda first, length, **rest: Loss(first=first, last=first + length, **rest),
        whole, whole, node=NAMES, installation=whole, boot=whole, samples=whole,
        where=st.sampled_from(["node", "gateway"]),
    )  # fmt: skip
    revisions = st.builds(
        Revision, node=NAMES, installation=whole, boot=whole, sequence=whole, quantity=NAMES,
        status=st.sampled_from([status for status in Status if status.carries_value]),
    )  # fmt: skip
    return replace(
        batch(*groups, sequence=draw(whole)),
        losses=tuple(draw(st.lists(losses, max_size=3))),
        revisions=tuple(draw(st.lists(revisions, max_size=3))),
    )


SOME = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SOME
@given(batches())
def test_whatever_a_gateway_seals_it_reads_itself_and_reads_the_same(content: Batch) -> None:
    data = encode(content)
    found = compiled_alone(data)
    assert found is not None
    same(found, columns.of_batch(contents.read(data, "gw-1")))


def test_the_golden_batch_comes_out_the_same() -> None:
    data = bytes.fromhex(golden("batch2")["hex"])
    found = columns._walked(data)
    assert found is not None
    same(found, columns.of_batch(contents.decode(data)))


def test_version_1_is_read_by_the_gateways_reader() -> None:
    data = batch1.encode(batch(humidity([60.0, None, 61.0])))
    assert compiled_alone(data) is None
    same(columns.read(data, "gw-1"), columns.of_batch(contents.read(data, "gw-1")))


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_every_coding_is_read(kind: int) -> None:
    """A batch that repeats itself is packed; both packings say the same as the range coder."""
    from aircue_gateway.batches import v2
    from aircue_gateway.batches.coders import PlainWriter, RangeWriter

    content = batch(humidity([60.0 + minute % 7 for minute in range(200)]))
    coder = RangeWriter() if kind == 0 else PlainWriter()
    v2._walk(coder, content)
    body = bytes([kind]) + (coder.close() if kind == 0 else PACK[kind](coder.close()))
    data = b"\x02" + hashlib.sha256(body).digest() + body
    found = compiled_alone(data)
    assert found is not None
    same(found, columns.of_batch(contents.read(data, "gw-1")))


def spoilt(body: bytes, rng: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.randrange(1, 4)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    if rng.random() < 0.3:
        del changed[rng.randrange(1, len(changed)) :]
    if rng.random() < 0.2:
        changed += rng.randbytes(rng.randrange(1, 40))
    return bytes(changed)


@pytest.mark.parametrize("plain", [False, True])
def test_what_it_takes_of_spoilt_bytes_the_other_reader_takes_too_and_the_same(plain: bool) -> None:
    from aircue_gateway.batches import v2
    from aircue_gateway.batches.coders import PlainWriter

    rng, taken = random.Random(5), 0
    content = batch(humidity([60.0 + minute % 5 for minute in range(6)]), sequence=9)
    writer = PlainWriter()
    v2._walk(writer, content)
    whole = writer.close() if plain else encode(content)[33:]
    for _ in range(1500):
        spoiled = spoilt(whole, rng)
        body = b"\x01" + v2._deflate(spoiled) if plain else spoiled
        data = b"\x02" + hashlib.sha256(body).digest() + body
        found = compiled_alone(data)
        if found is not None:
            taken += 1
            other = by_the_gateway(data)
            assert other is not None
            same(found, other)
    assert taken > 0 or not plain


@SOME
@given(st.binary(max_size=200), st.sampled_from([0, 1, 2, 3]))
def test_any_bytes_at_all_end_in_a_batch_or_a_refusal(content: bytes, coding: int) -> None:
    body = bytes([coding]) + content
    data = b"\x02" + hashlib.sha256(body).digest() + body
    with suppress(Refused):
        columns.read(data, "gw-1")


def test_numbers_beyond_all_bounds_are_left_to_the_other_reader() -> None:
    """Where 64 bits would not do, whole numbers of any length do."""
    group = humidity([60.0])
    far = replace(group.samples[0], uptime_ms=2**60, measured_at_ms=START_MS)
    data = encode(batch(replace(group, samples=(far,))))
    assert compiled_alone(data) is None
    assert columns.read(data, "gw-1").measured_at.tolist() == [START_MS]
