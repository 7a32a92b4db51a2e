"""What the bench saw on the buses: one row a quantity of every transaction that delivered a measurement or failed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from aircue_hil.sensors.model import Reply


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """One quantity of one bus transaction.

    sequence: rising strobe edges since the boot; in_sample: whether the strobe was high, so that the node takes a
    sample just now. value: what the bytes on the wire stand for, exact to six decimals; None where the transaction
    failed, with `why`. A delivered value may carry a `why` too ("spike"). real_s: time.time(); world_ms: since 1970.
    """

    node: str
    boot: int
    sequence: int
    in_sample: bool
    sensor: str
    quantity: str
    value: Decimal | None
    ok: bool
    why: str | None
    real_s: float
    world_ms: int

    def line(self) -> str:
        """The row as one line of JSON; the value is a number with all its decimals."""
        return json.dumps({**vars(self), "value": None if self.value is None else float(self.value)})


Note = Callable[[Transaction], None]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One instant on the bench's three clocks: world (us since 1970), wall (s since 1970), monotonic (s)."""

    world_us: int
    real_s: float
    monotonic: float


def rows(
    reply: Reply,
    *,
    quantities: tuple[str, ...],
    node: str,
    boot: int,
    sequence: int,
    in_sample: bool,
    sensor: str,
    at: Moment,
) -> list[Transaction]:
    """Rows for what was delivered; without it one a quantity the sensor would have given, where something failed."""
    delivered: list[tuple[str, Decimal | None]] = [(one.quantity, one.value) for one in reply.measured]
    if not delivered and reply.why is not None:
        delivered = [(quantity, None) for quantity in quantities]
    return [
        Transaction(
            node=node,
            boot=boot,
            sequence=sequence,
            in_sample=in_sample,
            sensor=sensor,
            quantity=quantity,
            value=value,
            ok=value is not None,
            why=reply.why,
            real_s=at.real_s,
            world_ms=at.world_us // 1000,
        )
        for quantity, value in delivered
    ]


class TransactionLog:
    """Appends every row to the file at `path` at once, where one is given, and keeps it in memory where told to."""

    def __init__(self, path: Path | None, *, keep: bool = True) -> None:
        self.rows: list[Transaction] = []
        self._keep = keep
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path is not None else None

    def note(self, row: Transaction) -> None:
        if self._keep:
            self.rows.append(row)
        if self._file is not None:
            self._file.write(row.line() + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
