"""Batches: the golden batch, any batch there and back, and bytes that are none."""

import json
import zlib
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.golden import golden

from aircue_gateway import batch
from aircue_gateway.batch import Batch, BatchError, Channel, Group, Loss, Sample, Status


def _golden_bytes() -> bytes:
    return bytes.fromhex(golden("batch")["hex"])


def test_golden_batch_has_the_golden_fields() -> None:
    """Version 1 has no revisions."""
    fields = json.loads(json.dumps(asdict(batch.decode(_golden_bytes()))))
    assert fields == {**golden("batch")["fields"], "revisions": []}


def test_encoding_gives_the_golden_content() -> None:
    """Compared below the compression, whose output may differ between versions of zlib."""
    encoded = batch.encode(batch.decode(_golden_bytes()))
    assert encoded[:1] == _golden_bytes()[:1]
    assert zlib.decompress(encoded[33:]) == zlib.decompress(_golden_bytes()[33:])


_number = st.integers(-(2**40), 2**40)


@st.composite
def _samples(draw: st.DrawFn, channels: int) -> Sample:
    statuses = tuple(draw(st.lists(st.sampled_from(Status), min_size=channels, max_size=channels)))
    return Sample(
        sequence=draw(_number),
        uptime_ms=draw(_number),
        measured_at_ms=draw(_number),
        received_at_ms=draw(_number),
        clock=draw(st.sampled_from(["node", "gateway"])),
        values=tuple(draw(_number) if status.carries_value else None for status in statuses),
        statuses=statuses,
    )


@st.composite
def _groups(draw: st.DrawFn) -> Group:
    channels = draw(st.integers(0, 4))
    return Group(
        site=draw(st.text(max_size=8)),
        node=draw(st.text(max_size=8)),
        installation=draw(st.integers(0, 2**32 - 1)),
        boot=draw(st.integers(1, 2**31)),
        channels=tuple(Channel(quantity=f"q{n}", unit="1", scale=10**n) for n in range(channels)),
        samples=tuple(draw(st.lists(_samples(channels), max_size=8))),
    )


_losses = st.builds(
    Loss,
    node=st.text(max_size=8),
    installation=_number,
    boot=_number,
    first=_number,
    last=_number,
    samples=_number,
    where=st.sampled_from(["node", "gateway"]),
)
_batches = st.builds(
    Batch,
    gateway=st.text(max_size=8),
    epoch=st.text(max_size=8),
    sequence=_number,
    sealed_at_ms=_number,
    groups=st.lists(_groups(), max_size=3).map(tuple),
    losses=st.lists(_losses, max_size=3).map(tuple),
)


@given(_batches)
def test_any_batch_comes_back_as_it_was(original: Batch) -> None:
    assert batch.decode(batch.encode(original)) == original


@given(st.integers(0), st.integers(1, 255))
def test_one_changed_byte_is_noticed(where: int, change: int) -> None:
    data = bytearray(_golden_bytes())
    data[where % len(data)] ^= change
    with pytest.raises(BatchError):
        batch.decode(bytes(data))


@given(st.integers(0, len(_golden_bytes()) - 1))
def test_a_cut_batch_is_noticed(length: int) -> None:
    with pytest.raises(BatchError):
        batch.decode(_golden_bytes()[:length])


@given(st.binary(max_size=200))
def test_content_that_is_no_batch_under_a_right_hash_is_refused(content: bytes) -> None:
    with pytest.raises(BatchError):
        batch.decode(_sealed(content))


def _sealed(content: bytes) -> bytes:
    import hashlib

    body = zlib.compress(content)
    return bytes([batch.VERSION]) + hashlib.sha256(body).digest() + body


def test_a_zip_bomb_is_refused_before_it_unfolds() -> None:
    with pytest.raises(BatchError, match="over"):
        batch.decode(_sealed(bytes(batch.LARGEST_CONTENT + 1)))


def test_a_status_that_contradicts_its_value_is_refused() -> None:
    good = batch.decode(_golden_bytes())
    sample = Sample(
        sequence=1,
        uptime_ms=1,
        measured_at_ms=1,
        received_at_ms=1,
        clock="node",
        values=(None,),
        statuses=(Status.OK,),
    )
    group = Group(site="s", node="n", installation=1, boot=1, channels=good.groups[1].channels, samples=(sample,))
    wrong = Batch(gateway="g", epoch="e", sequence=1, sealed_at_ms=1, groups=(group,))
    with pytest.raises(BatchError, match="OK"):
        batch.encode(wrong)


def test_a_header_nested_without_end_and_a_number_without_end_are_refused() -> None:
    deep = b"[" * 100_000
    with pytest.raises(BatchError):
        batch.decode(_sealed(bytes([0xA0, 0x8D, 0x06]) + deep))
    with pytest.raises(BatchError, match="number of more than"):
        batch.decode(_sealed(b"\xff" * 20))
