"""Interactions as Parquet, the same for every engine: a file, or a folder of files, with the columns

user string · item string · at double (epoch seconds) · weight float
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import Interactions

COLUMNS = ("user", "item", "at", "weight")
_SCHEMA = pa.schema(
    [("user", pa.string()), ("item", pa.string()), ("at", pa.float64()), ("weight", pa.float32())]
)  # fmt: skip


def write(log: Interactions, path: Path) -> None:
    columns = {
        "user": pa.array(np.array(log.users, dtype=object)[log.user], pa.string()),
        "item": pa.array(np.array(log.items, dtype=object)[log.item], pa.string()),
        "at": pa.array(log.at),
        "weight": pa.array(log.weight),
    }
    pq.write_table(pa.table(columns, schema=_SCHEMA), path, compression="zstd", use_dictionary=["user", "item"])


def read(path: Path | str) -> Interactions:
    """path: of this machine, or s3://bucket/prefix. DatasetError where columns are missing or nothing is in it."""
    try:
        table = pq.read_table(str(path), columns=list(COLUMNS))
    except (OSError, pa.ArrowException, KeyError) as error:
        raise DatasetError(f"{path} holds no interactions as Parquet ({', '.join(COLUMNS)}): {error}") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise DatasetError(f"{path}: no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    return Interactions.of(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True))
