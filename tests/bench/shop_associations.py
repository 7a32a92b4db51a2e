"""Mining of pairs and triples from a shop's invoices, beside another library's time on the same baskets.

`python -m tests.bench.shop_associations` prints one JSON object. The invoices are UCI Online Retail, from the folder
that AIRCUE_DATA names (docs/data-sets.md). The time is of everything from the lines in memory to the rules: baskets,
counts, tests, the control of false findings. The peer counts the same sets and tests nothing; it runs in a process of
its own, which is ended after PEER_S, and then its time is null and said so.
"""

import importlib.util
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from aircue_cloud.associations import baskets, findings, mining
from aircue_cloud.associations.baskets import Baskets
from aircue_cloud.associations.mining import Sets, Terms
from aircue_cloud.importing import lines

FILE = Path("online_retail") / "invoices.csv.gz"
LEAST = 92  # baskets: a two-hundredth of them
SMALLEST = 20  # what the product itself asks for; the peer is not asked for so many sets
PEER = "efficient_apriori"
PEER_S = 300.0
SEED = 1
Lines = tuple[list[str], list[str]]


def measured(least: int = LEAST, peer_s: float = PEER_S) -> Mapping[str, Any]:
    """The figures; all null with the reason where there are no invoices."""
    file = Path(os.environ.get("AIRCUE_DATA", "")) / FILE
    if not file.is_file():
        return {"associations_s": None, "associations_why": "set AIRCUE_DATA to the folder of docs/data-sets.md"}
    return compared(invoices(file), least, peer_s)


def invoices(file: Path) -> Lines:
    found = [cells for _, cells in lines.read(file, ("InvoiceNo", "StockCode"))]
    return [one[0] for one in found], [one[1] for one in found]


def compared(content: Lines, least: int, peer_s: float) -> Mapping[str, Any]:
    began = time.perf_counter()
    found = baskets.of_lines(*content)
    rules = findings.found(found, Terms(least=least))
    took = time.perf_counter() - began
    smallest, mined = _timed(found, SMALLEST)
    chance = mining.mine(baskets.shuffled(found.matrix, np.random.default_rng(SEED)), Terms(least=SMALLEST))
    ours = mining.mine(found.matrix, Terms(least=least))
    return {
        "associations_s": round(took, 3),
        "associations_baskets": len(found),
        "associations_least": least,
        "associations_pairs": len(ours.pairs.sets),
        "associations_triples": len(ours.triples.sets),
        "associations_sure": rules.sure,
        "associations_s_least_20": round(smallest, 3),
        "associations_pairs_least_20": len(mined.pairs.sets),
        "associations_triples_least_20": len(mined.triples.sets),
        "associations_sure_in_shuffled_baskets": len(chance.pairs.sure(0.05)) + len(chance.triples.sure(0.05)),
        **_peer(found, ours, least, peer_s),
    }


def _timed(found: Baskets, least: int) -> tuple[float, mining.Mined]:
    began = time.perf_counter()
    mined = mining.mine(found.matrix, Terms(least=least))
    return time.perf_counter() - began, mined


# The peer.


def _peer(found: Baskets, ours: mining.Mined, least: int, peer_s: float) -> Mapping[str, Any]:
    none = {"associations_peer": PEER, "associations_peer_s": None, "associations_same_sets": None}
    if importlib.util.find_spec(PEER) is None:
        return none | {"associations_peer_why": "pip install efficient-apriori"}
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_mine, args=(transactions(found), least, there))
    process.start()
    there.close()
    try:
        if not here.poll(peer_s):
            return none | {"associations_peer_why": f"it did not end in {peer_s:g} s"}
        took, theirs = here.recv()
    except EOFError:
        return none | {"associations_peer_why": "it ended without an answer"}
    finally:
        process.kill()
        process.join()
    same = theirs == {**named(found, ours.pairs.sets), **named(found, ours.triples.sets)}
    return none | {"associations_peer_s": round(took, 3), "associations_same_sets": same}


def transactions(found: Baskets) -> list[tuple[str, ...]]:
    return [tuple(found.items[item] for item in row.indices) for row in found.matrix.tocsr()]


def named(found: Baskets, sets: Sets) -> dict[tuple[str, ...], int]:
    rows = zip(sets.items.tolist(), sets.count.tolist(), strict=True)
    return {tuple(sorted(found.items[item] for item in items)): count for items, count in rows}


def _mine(content: list[tuple[str, ...]], least: int, answer: Connection) -> None:
    """In a process of its own: seconds, and sets of two and three with their counts."""
    from efficient_apriori import itemsets_from_transactions

    began = time.perf_counter()
    # A hair less than the share, so that rounding leaves no set out that is in exactly as many.
    theirs, _ = itemsets_from_transactions(content, (least - 0.5) / len(content), max_length=3)
    took = time.perf_counter() - began
    sets = {tuple(sorted(items)): count for size in (2, 3) for items, count in theirs.get(size, {}).items()}
    answer.send((took, sets))


if __name__ == "__main__":
    figures = measured()
    print(json.dumps(figures))
    sys.exit(0 if figures["associations_s"] is not None else 1)
