"""Readings as Parquet: the columns, and how each is coded. Pure.

Lineage and flags are columns of every row. A time is whole milliseconds since the epoch; received is told as what it is
later than measured, which is the same number again and again.
"""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aircue_cloud.layers.rows import CLOCKS, FLAGS, Rows

_NAMES = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("site", _NAMES),
        ("node", _NAMES),
        ("installation", pa.int64()),
        ("boot", pa.int64()),
        ("sequence", pa.int64()),
        ("quantity", _NAMES),
        ("value", pa.int64()),
        ("scale", pa.int64()),
        ("unit", _NAMES),
        ("flag", _NAMES),
        ("clock", _NAMES),
        ("measured_at", pa.int64()),
        ("received_after", pa.int64()),
        ("ingested_at", pa.int64()),
        ("batch", _NAMES),
    ]
)
# Neighbours differ by little: these are told as differences. All others say few things again and again.
DIFFERENCES = ("id", "sequence", "value", "measured_at")
ORDER = ("site", "node", "quantity", "measured_at", "installation", "boot", "sequence")
_ROW_GROUP = 131_072


def table(rows: Rows, first_id: int) -> pa.Table:
    """ids from first_id on, in the order of rows."""
    runs = rows.runs
    names = {
        "site": _named([run.site for run in runs], rows),
        "node": _named([run.node for run in runs], rows),
        "quantity": _named([run.quantity for run in runs], rows),
        "unit": _named([run.unit for run in runs], rows),
        "batch": _named([rows.arrived[run.batch].id for run in runs], rows),
        "flag": _coded(rows.flag, FLAGS),
        "clock": _coded(rows.clock, CLOCKS),
    }
    numbers = {
        "id": np.arange(first_id, first_id + len(rows)),
        "installation": rows.of_runs([run.installation for run in runs]),
        "boot": rows.of_runs([run.boot for run in runs]),
        "sequence": rows.sequence,
        "value": rows.value,
        "scale": rows.of_runs([run.scale for run in runs]),
        "measured_at": rows.measured_at,
        "received_after": rows.received_at - rows.measured_at,
        "ingested_at": rows.of_runs([rows.arrived[run.batch].ingested_ms for run in runs]),
    }
    return pa.table({**names, **numbers}).select(SCHEMA.names).cast(SCHEMA)


def _named(names: list[str], rows: Rows) -> pa.DictionaryArray:
    """A column from one name for each run."""
    places: dict[str, int] = {}
    codes = np.array([places.setdefault(name, len(places)) for name in names], np.int32)
    of_row = codes[rows.run] if len(rows.run) else np.zeros(0, np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(of_row), pa.array(list(places), pa.string()))


def _coded(codes: npt.NDArray[np.uint8], names: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names, pa.string()))


def encode(content: pa.Table, *, level: int) -> bytes:
    """level: of zstd; 1 is quick, 9 is small."""
    sink = io.BytesIO()
    pq.write_table(
        content,
        sink,
        compression="zstd",
        compression_level=level,
        use_dictionary=[name for name in SCHEMA.names if name not in DIFFERENCES],
        column_encoding=dict.fromkeys(DIFFERENCES, "DELTA_BINARY_PACKED"),
        row_group_size=_ROW_GROUP,
        data_page_size=1 << 20,
        store_schema=False,
    )
    return sink.getvalue()


def warm() -> None:
    """Loads what coding loads when it is first asked for, which takes a second: pyarrow looks for pandas."""
    encode(pa.table({field.name: pa.array([], field.type) for field in SCHEMA}, schema=SCHEMA), level=1)


def ordered(content: pa.Table) -> pa.Table:
    """By series and time, so that neighbours are alike and a reader of one series finds it in few places."""
    plain = content.set_column(content.schema.get_field_index("site"), "site", content["site"].cast(pa.string()))
    for name in ("node", "quantity"):
        plain = plain.set_column(plain.schema.get_field_index(name), name, plain[name].cast(pa.string()))
    return plain.take(pc.sort_indices(plain, sort_keys=[(name, "ascending") for name in ORDER]))


def decode(data: bytes) -> pa.Table:
    found: Any = pq.read_table(io.BytesIO(data))
    return found
