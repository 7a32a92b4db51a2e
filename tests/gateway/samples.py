"""What the gateway's tests send: one node, its birth, its samples; and a reader of what a spool sealed."""

from collections.abc import Iterable
from typing import Any

from aircue_gateway import batch
from aircue_gateway.batch import Batch
from aircue_gateway.config import Node
from aircue_gateway.message import Message
from aircue_gateway.spool.spool import Spool
from aircue_node import contract

NODE = Node(id="bathroom", site="home-1", key="correct horse")
INSTALLATION = 2779096485
BOOT = 17
STREAM = (NODE.id, INSTALLATION, BOOT)
BEGAN_S = 1_763_700_000  # the boot's uptime 0
INTERVAL_S = 30
CHANNELS = (("temperature", "Cel", 100, "sht4x"), ("humidity", "%RH", 100, "sht4x"))


def message(leaf: str, payload: bytes, **fields: Any) -> Message:
    return Message(NODE, contract.topic(NODE.site, NODE.id, leaf), leaf, payload, **fields)


def birth(boot: int = BOOT, channels: Iterable[Any] = CHANNELS, loss: Iterable[Any] = ()) -> bytes:
    return contract.encode_birth(
        "0.1.0",
        "unix",
        INSTALLATION,
        boot,
        INTERVAL_S * 1000,
        "power-on",
        list(channels),
        [("sht4x", "ok")],
        list(loss),
    )


def values(sequence: int) -> list[int]:
    """Calm air whose every sample differs a little."""
    return [2150 + sequence % 5, 5500 + sequence % 7]


def sample(sequence: int, timed: bool = True, wire: list[int | None] | None = None) -> tuple[Any, ...]:
    """What a node that measures every INTERVAL_S seconds knows of its n-th sample."""
    uptime_s = sequence * INTERVAL_S
    return sequence, uptime_s * 1000, BEGAN_S + uptime_s if timed else 0, values(sequence) if wire is None else wire


def live(sequence: int, timed: bool = True, wire: list[int | None] | None = None) -> bytes:
    return contract.encode_sample(INSTALLATION, BOOT, sample(sequence, timed, wire))


def backlog(sequences: Iterable[int], timed: bool = True) -> bytes:
    return contract.encode_backlog(INSTALLATION, BOOT, [sample(one, timed) for one in sequences])


def sealed(spool: Spool) -> list[Batch]:
    """Every batch waiting in a spool, taken off it, in the order of sealing."""
    found = []
    while (ready := spool.next_batch(0)) is not None:
        found.append(batch.decode(ready.body))
        spool.delivered(ready.sequence)
    return sorted(found, key=lambda one: one.sequence)


def sequences(batches: Iterable[Batch]) -> list[int]:
    return [one.sequence for sent in batches for group in sent.groups for one in group.samples]
