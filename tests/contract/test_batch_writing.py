"""The fast ways to write a batch give the very bytes of the plain ones beside them."""

from hypothesis import example, given
from hypothesis import strategies as st
from tests.contract.golden import golden

from aircue_gateway import batch
from aircue_gateway.batch import Columns, Table
from aircue_gateway.batches import v2
from aircue_gateway.batches.coders import Field, Flag, RangeReader, RangeWriter, Scale, _Odds


class PlainlyWritten(RangeWriter):
    """The range coder with a call for each decision."""

    residuals = _Odds.residuals


COLUMN = st.one_of(
    st.lists(st.integers(-3, 3), max_size=80),
    st.lists(st.integers(-300, 300), max_size=80),
    st.lists(st.one_of(st.integers(-5, 5), st.integers(-(2**40), 2**40)), max_size=40),
)


def written(writer: RangeWriter, columns: list[list[int]], size: int) -> tuple[bytes, list[tuple[int, int, int]]]:
    """Columns with other fields between them, as in a batch; what each scale came to."""
    scale, came_to = Scale(size), []
    for column in columns:
        writer.flag(Flag.STILL, len(column) < 2)
        assert writer.residuals(scale, column) == column
        writer.number(Field.VALUE, sum(column))
        came_to.append((scale.size, scale.weight, scale.sign))
    return writer.close(), came_to


@example(columns=[[0] * 50, [2**40], [-1] * 50], size=0)
@example(columns=[[-(2**45)] * 3, [1, -1] * 30], size=2**30)
@given(columns=st.lists(COLUMN, max_size=6), size=st.integers(0, 2**20))
def test_the_loop_for_residuals_writes_what_one_decision_after_the_other_does(
    columns: list[list[int]], size: int
) -> None:
    assert written(RangeWriter(), columns, size) == written(PlainlyWritten(), columns, size)


def test_a_carry_goes_through_bytes_that_have_left_long_ago() -> None:
    """Certain decisions that turn out wrong push the range's lower end past runs of 255."""
    for length in range(1, 400):
        columns = [[0] * length, [1], [0] * length, [-(2**20) + length]]
        assert written(RangeWriter(), columns, 1) == written(PlainlyWritten(), columns, 1)


@given(column=st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=60))
def test_what_each_predictor_leaves_is_summed_up_in_one_pass(column: list[int]) -> None:
    assert v2._left(column) == [sum(map(abs, v2._differences(column, shift))) for shift in v2._SHIFTS]


@given(columns=st.lists(COLUMN, min_size=1, max_size=4))
def test_the_loop_for_residuals_can_be_read_back(columns: list[list[int]]) -> None:
    data, _ = written(RangeWriter(), columns, 16)
    reader, scale = RangeReader(data), Scale(16)
    for column in columns:
        reader.flag(Flag.STILL, False)
        assert reader.residuals(scale, column) == column
        assert reader.number(Field.VALUE, 0) == sum(column)
    reader.close()


def test_samples_told_as_columns_give_the_same_batch() -> None:
    original = batch.decode(bytes.fromhex(golden("batch2")["hex"]))
    tables = tuple(
        Table(
            site=group.site,
            node=group.node,
            installation=group.installation,
            boot=group.boot,
            channels=group.channels,
            columns=Columns(
                [one.sequence for one in group.samples],
                [one.uptime_ms for one in group.samples],
                [one.measured_at_ms for one in group.samples],
                [one.received_at_ms for one in group.samples],
                [one.clock == "gateway" for one in group.samples],
                [[one.values[n] for one in group.samples] for n in range(len(group.channels))],
                [[one.statuses[n] for one in group.samples] for n in range(len(group.channels))],
            ),
        )
        for group in original.groups
    )
    again = batch.Batch(
        gateway=original.gateway,
        epoch=original.epoch,
        sequence=original.sequence,
        sealed_at_ms=original.sealed_at_ms,
        groups=tables,
        losses=original.losses,
        revisions=original.revisions,
    )
    assert batch.encode(again) == batch.encode(original)
