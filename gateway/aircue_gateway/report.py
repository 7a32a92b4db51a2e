"""What a spool says about its gateway, read beside the running daemon."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aircue_gateway.ledger import Count
from aircue_gateway.spool import letters
from aircue_gateway.spool.book import Book
from aircue_gateway.spool.disk import Disk, RealDisk, SpoolError
from aircue_gateway.spool.recovery import Unreadable, recover
from aircue_gateway.spool.spool import FOLDER, Spool

_ATTEMPTS = 5  # the daemon may give up a segment while it is read


def status(folder: Path) -> dict[str, Any]:
    """Counters by name (those never counted are 0), what waits, and what arrived of every boot of every node."""
    return _figures(*_found(folder))


def of(spool: Spool) -> dict[str, Any]:
    """The same of a spool that is open here; for the thread that uses it."""
    return _figures(spool.disk, spool.book, "")


def _figures(disk: Disk, book: Book, damage: str) -> dict[str, Any]:
    return {
        "epoch": book.epoch,
        "next_batch": book.next_batch,
        "waiting_samples": book.waiting_samples,
        "waiting_batches": len(book.batches),
        "waiting_bytes": sum(entry.size for entry in book.batches.values()),
        "oldest_unsent_ms": _oldest_ms(book),
        "bytes_on_disk": sum(map(disk.size, disk.names())),
        "refused_batches": len(book.refused),
        "dead_letters_kept": book.letters.next_id - book.letters.oldest_id,
        "losses": _losses(book),
        "damage": damage,
        "rules": str(json.loads(book.rules)["version"]) if book.rules else "",
        "counters": {name.value: book.counters[name] for name in Count},
        "nodes": list(_nodes(book)),
    }


def _found(folder: Path) -> tuple[RealDisk, Book, str]:
    """The disk, what its records add up to, and their damage. A gateway that has not stored anything yet has an empty
    book."""
    disk = RealDisk(folder / FOLDER)
    for _ in range(_ATTEMPTS):
        try:
            found = recover(disk)
        except FileNotFoundError:
            continue
        except Unreadable as error:
            raise SpoolError(
                f"spool {folder / FOLDER}: {error}: the gateway sets it aside at its next start"
            ) from error
        if found is not None:
            return disk, found.book, found.damage
    if (folder / FOLDER).is_dir():
        return disk, Book(""), ""
    raise SpoolError(f"spool {folder / FOLDER} does not exist: has the gateway run with this configuration?")


def _oldest_ms(book: Book) -> int | None:
    """When the oldest batch was sealed, or the oldest sample that waits for one came in; None where nothing waits."""
    moments = [next(iter(book.batches.values())).sealed_at_ms] if book.batches else []
    if book.waiting_samples and book.waiting_since_ms is not None:
        moments.append(book.waiting_since_ms)
    return min(moments, default=None)


def _losses(book: Book) -> dict[str, int]:
    """In samples, by kind: what the nodes declared, and what was given up or damaged here; undeclared: of the damaged
    ones, those of which only the number is known."""
    return {
        "declared_by_nodes": sum(loss.samples for loss in book.losses.values()),
        "set_aside": book.counters[Count.SAMPLES_SET_ASIDE],
        "thinned": book.counters[Count.SAMPLES_THINNED],
        "dropped": book.counters[Count.SAMPLES_DROPPED],
        "unreadable": book.counters[Count.SAMPLES_UNREADABLE],
        "undeclared": book.counters[Count.SAMPLES_UNDECLARED],
        "not_told_yet": sum(loss.samples for loss in book.untold()),
    }


def _nodes(book: Book) -> Iterator[dict[str, Any]]:
    for (node, installation, boot), row in book.streams.items():
        sequences = [list(pair) for pair in row.ranges]
        yield {"node": node, "installation": installation, "boot": boot, "sequences": sequences}


def dead_letters(folder: Path) -> list[dict[str, Any]]:
    """Oldest first; payload as text where it is one, else as hexadecimal digits."""
    disk, book, _ = _found(folder)
    return list(letters.listed(disk, book.letters))
