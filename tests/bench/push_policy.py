"""How many generated histories the policy was played against, and how often what it sent broke a rule (0).

Histories are drawn anew from a seed: one person, up to 29 things to push within twelve days around the nights in which
clocks change, zones from +14:00 to one that nobody knows, quiet hours of many kinds, caps from none to none at all. The
judge reads wall clocks and counts days and hours; it shares no code with the policy (tests/cloud/histories.py). Beside
them, as many rounds as CONTESTS of two workers with a connection each, who decide at the same moment about two needs of
one person with one slot left.
"""

import random
import tempfile
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

from tests.cloud.histories import draw, play, violations
from tests.cloud.town import Town

from aircue_cloud import db

HISTORIES = 10_000
CONTESTS = 25


def figures(histories: int = HISTORIES, contests: int = CONTESTS, seed: int = 7) -> dict[str, Any]:
    rng, broken, sent = random.Random(seed), 0, 0
    for _ in range(histories):
        history = draw(rng)
        found = play(history)
        sent += len(found)
        broken += len(violations(history, found))
    return {
        "policy_examples": histories + contests,
        "policy_pushes": sent,
        "policy_violations": broken + _contested(contests),
    }


def _contested(contests: int) -> int:
    """Sends beyond one a contest."""
    with tempfile.TemporaryDirectory() as folder:
        engine = db.open_database(db.sqlite_url(str(Path(folder) / "town.db")))
        town = Town(engine)
        try:
            for number in range(contests):
                _contest(town, f"h{number}")
            outcomes = [(row["household"], row["outcome"]) for row in town.decisions()]
        finally:
            engine.dispose()
    return sum(abs(outcomes.count((f"h{number}", "send")) - 1) for number in range(contests))


def _contest(town: Town, household: str) -> None:
    town.home(household, f"{household}-1")
    episodes, ready = [town.episode(household), town.episode(household, "heat")], Barrier(2)

    def work(number: int) -> None:
        ready.wait()
        town.decide(episodes[number])

    workers = [Thread(target=work, args=(number,)) for number in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
