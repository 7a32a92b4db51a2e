"""A shop with a history that was made up: a year of orders, and pushes about damp air that make some of them."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert
from tests.cloud.stage import NOW, product

from aircue_cloud import db, tables
from aircue_cloud.outcomes.assignment import GLOBAL, HOLDOUT, TREATMENT, arm, need_experiment

NEED = "damp-air"
DAY = timedelta(days=1)
SHARE = 0.3  # held out, of each experiment
REMEDY = "drymax"
# Product, category, price in minor units; the last ones help against no damp air.
PRODUCTS = (
    (REMEDY, "dehumidifier", 14_900),
    ("tumble", "dryer", 39_900),
    ("salt", "moisture-absorber", 1_290),
    ("breeze", "fan", 4_990),
    ("lamp", "lighting", 2_490),
    ("kettle", "kitchen", 3_490),
)
MORE = {TREATMENT: 0.42, HOLDOUT: 0.18}  # of homes that buy the remedy within four weeks of a damp bathroom


def home(number: int) -> str:
    return f"home-{number:04d}"


def arm_of(number: int) -> str:
    """What the home gets about the need."""
    both = (arm(home(number), GLOBAL, SHARE), arm(home(number), need_experiment(NEED), SHARE))
    return HOLDOUT if HOLDOUT in both else TREATMENT


def fill(engine: Engine, homes: int = 500, seed: int = 3, now: datetime = NOW, *, missing: bool = False) -> None:
    """Orders of twelve months; from the seventh month on each home has one damp bathroom, 40 days ago at the latest.
    missing: of the homes that are held out, every second one's bathroom is not there."""
    random = np.random.default_rng(seed)
    numbers = range(homes)
    entered = {n: now - DAY * float(random.uniform(40, 150)) for n in numbers}
    if missing:
        entered = {n: at for n, at in entered.items() if n % 2 or arm(home(n), GLOBAL, SHARE) == TREATMENT}
    with db.writing(engine) as connection:
        for table, rows in _rows(random, entered, homes, now):
            if rows:
                connection.execute(insert(table), rows)


def _rows(random: np.random.Generator, entered: dict[int, datetime], homes: int, now: datetime) -> Any:
    numbers = range(homes)
    yield tables.products, [{**product(name, category), "price_minor": price} for name, category, price in PRODUCTS]
    yield tables.households, [{"id": home(n), "name": home(n)} for n in numbers]
    yield tables.people, [{"id": f"{home(n)}-1", "household": home(n), "name": "A"} for n in numbers]
    yield tables.sites, [{"id": f"site-{n}", "household": home(n), "tz": "UTC"} for n in numbers]
    yield tables.episodes, [_episode(n, at) for n, at in entered.items()]
    yield tables.decisions, [_decision(n, at) for n, at in entered.items()]
    yield tables.assignments, [row for n, at in entered.items() for row in _assigned(n, at)]
    yield tables.pushes, [_push(n, at) for n, at in entered.items() if arm_of(n) == TREATMENT]
    orders = [_order(n, now - DAY * float(random.uniform(0, 360)), _drawn(random)) for n in numbers for _ in range(3)]
    helped = [
        _order(n, at + DAY * float(random.uniform(0.1, 2.9)), REMEDY)
        for n, at in entered.items()
        if random.random() < MORE[arm_of(n)]
    ]
    back = [{**one, "kind": "return", "weight": -3.0, "at": one["at"] + DAY} for one in orders[::17]]
    yield tables.interactions, orders + helped + back


def _drawn(random: np.random.Generator) -> str:
    return str(random.choice([name for name, _, _ in PRODUCTS], p=[0.06, 0.04, 0.25, 0.15, 0.3, 0.2]))


def _episode(number: int, at: datetime) -> dict[str, Any]:
    confirmed = {"confirmed_installation": 1, "confirmed_boot": 1, "confirmed_sequence": 1}
    times = {"started_at": at, "confirmed_at": at, "ended_at": at + DAY}
    where = {"site": f"site-{number}", "node": "bathroom", "quantity": "humidity"}
    return {"id": f"e{number}", "need": NEED, "peak": 90.0, "open": False, **where, **times, **confirmed}


def _decision(number: int, at: datetime) -> dict[str, Any]:
    said = {"outcome": "send" if arm_of(number) == TREATMENT else "ghost", "reason": "made up", "trace": {}}
    return {"episode": f"e{number}", "household": home(number), "need": NEED, "at": at, "kind": "marketing", **said}


def _assigned(number: int, at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "experiment": name,
            "household": home(number),
            "arm": arm(home(number), name, SHARE),
            "holdout": SHARE,
            "at": at,
        }
        for name in (GLOBAL, need_experiment(NEED))
    ]


def _push(number: int, at: datetime) -> dict[str, Any]:
    text = {"title": "Damp air", "text": "t", "reason": "r", "trigger": {}}
    what = {"need": NEED, "episode": f"e{number}", "product": REMEDY, "category": "dehumidifier"}
    channel = ("in-app", "web-push", "e-mail")[number % 3]
    return {"id": f"p{number}", "household": home(number), "created_at": at, "channel": channel, **what, **text}


def _order(number: int, at: datetime, bought: str) -> dict[str, Any]:
    price = {"price_minor": next(price for name, _, price in PRODUCTS if name == bought), "currency": "EUR"}
    said = {"kind": "purchase", "weight": 8.0, "at": at, "quantity": 1}
    return {"person": f"{home(number)}-1", "product": bought, **said, **price}
