"""Records: what was packed is read again, and no byte can change unnoticed."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_node import records
from aircue_node.ledger import Ledger
from aircue_node.records import LONGEST, Packer, Reader, SamplePacker, Unreadable

Sample = tuple[int, int, int, list[int | None]]
_value = st.none() | st.integers(-(2**31) + 1, 2**31 - 1) | st.integers(-200, 200)


@st.composite
def series(draw: st.DrawFn) -> list[Sample]:
    """Samples of one boot, all of one width, times in any order."""
    width = draw(st.integers(0, records.MOST_VALUES))
    sample = st.tuples(
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**48),
        st.integers(0, 2**32 - 1),
        st.lists(_value, min_size=width, max_size=width),
    )
    return draw(st.lists(sample, min_size=1, max_size=20))


def packed(samples: list[Sample], boot: int = 7, again: bool = False) -> list[bytes]:
    """As many records as it takes."""
    packer, found = SamplePacker(), []
    packer.open(boot, again, len(samples[0][3]))
    for sample in samples:
        if not packer.add(sample):
            found.append(bytes(packer.finish()))
            packer.open(boot, again, len(samples[0][3]))
            assert packer.add(sample)
    return [*found, bytes(packer.finish())]


def unpacked(data: bytes) -> list[Sample]:
    reader, file, found = Reader(), io.BytesIO(data), []
    while reader.load(file):
        found.extend(reader.samples(reader.group()[2]))
    return found


@given(series(), st.integers(0, 2**32 - 1), st.booleans())
def test_what_was_packed_is_read_again(samples: list[Sample], boot: int, again: bool) -> None:
    made = packed(samples, boot, again)
    assert all(len(record) <= LONGEST for record in made)
    assert unpacked(b"".join(made)) == samples
    reader = Reader()
    assert reader.load(io.BytesIO(made[0]))
    assert (reader.kind, reader.group()) == (records.SAMPLES, (boot, again, len(samples[0][3])))


def test_a_steady_sample_costs_few_bytes() -> None:
    """Two quantities each 30 s: a byte for each number."""
    samples: list[Sample] = [
        (n, n * 30_000, 1_700_000_000 + n * 30, [2150 + n % 9, 5000 - n % 7]) for n in range(1, 31)
    ]
    made = packed(samples)
    assert len(made) == 1
    assert len(made[0]) < 32 + 30 * 5


@given(series(), st.data())
def test_a_changed_byte_is_noticed(samples: list[Sample], data: st.DataObject) -> None:
    whole = bytearray(packed(samples)[0])
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unreadable):
        Reader().load(io.BytesIO(bytes(whole)))


@given(series(), st.data())
def test_a_record_cut_short_is_noticed(samples: list[Sample], data: st.DataObject) -> None:
    whole = packed(samples)[0]
    with pytest.raises(Unreadable):
        Reader().load(io.BytesIO(whole[: data.draw(st.integers(1, len(whole) - 1))]))


def test_the_end_of_a_file_is_no_error() -> None:
    assert not Reader().load(io.BytesIO(b""))


@given(st.integers(0, 2**64), st.integers(-(2**63), 2**63))
def test_numbers_of_any_size_are_kept(number: int, signed: int) -> None:
    packer, reader = Packer(), Reader()
    packer.start(records.CURSOR)
    packer.put(number)
    packer.put_signed(signed)
    assert reader.load(io.BytesIO(bytes(packer.finish())))
    assert (reader.number(), reader.signed(), reader.left) == (number, signed, 0)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 2**31)), max_size=60))
def test_the_ledgers_sum_is_exact_its_rows_are_few_and_their_keys_stay(losses: list[tuple[int, int]]) -> None:
    ledger = Ledger()
    for count, (boot, sequence) in enumerate(losses, 1):
        before = {row[:2]: row for row in ledger.rows}
        ledger.lose(boot, sequence)
        rows = ledger.rows
        assert sum(row[3] for row in rows) == count
        assert len(rows) <= 12
        assert all(first <= last and 1 <= samples <= last - first + 1 for _, first, last, samples in rows)
        assert all(row[2:] >= before[row[:2]][2:] for row in rows if row[:2] in before)
    assert copied(ledger).rows == ledger.rows


def copied(ledger: Ledger) -> Ledger:
    """Through a record."""
    packer, reader, other = Packer(), Reader(), Ledger()
    packer.start(records.LEDGER)
    ledger.pack(packer)
    assert reader.load(io.BytesIO(bytes(packer.finish())))
    assert other.unpack(reader) == (ledger.serial > 0)
    return other


def test_the_largest_ledger_fits_into_a_record() -> None:
    ledger = Ledger()
    for boot in range(12):
        ledger.lose(2**32 - 1 - boot, 2**31)
        ledger.lose(2**32 - 1 - boot, 2**32 - 1, 1)
    assert copied(ledger).rows == ledger.rows
    assert len(ledger.rows) == 12


def test_a_boot_has_one_row_and_another_only_for_what_lies_before_it() -> None:
    ledger = Ledger()
    for sequence in (5, 6, 9, 2):
        ledger.lose(7, sequence)
    assert ledger.rows == [(7, 5, 9, 3), (7, 2, 2, 1)]


def test_a_row_the_gateway_has_leaves_first_when_there_are_too_many() -> None:
    ledger = Ledger()
    for boot in range(1, 13):
        ledger.lose(boot, 1)
    ledger.lose(13, 1)
    assert ledger.rows[0] == (1, 1, 2, 2), "nobody knew of the first two: they are one row now"
    ledger.tell()
    ledger.lose(1, 7)
    ledger.told()
    ledger.lose(14, 1)
    assert [row[0] for row in ledger.rows] == [1, *range(4, 15)], "boot 1 has changed since it was told, 3 has not"


def test_an_older_snapshot_does_not_replace_a_newer_one() -> None:
    old, new = Ledger(), Ledger()
    old.lose(1, 1)
    for sequence in (1, 2):
        new.lose(1, sequence)
    packer, reader = Packer(), Reader()
    packer.start(records.LEDGER)
    old.pack(packer)
    assert reader.load(io.BytesIO(bytes(packer.finish())))
    assert not new.unpack(reader)
    assert new.rows == [(1, 1, 2, 2)]
