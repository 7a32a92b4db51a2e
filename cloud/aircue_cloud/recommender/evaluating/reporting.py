"""What an evaluation says about its log, and where its figures go."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np

from aircue_cloud.recommender.evaluating.protocol import Protocol
from aircue_cloud.recommender.interactions import DAY_S, Interactions


def span(log: Interactions) -> str:
    first, last = (datetime.fromtimestamp(float(at), UTC).date() for at in (log.at[0], log.at[-1]))
    return f"from {first} to {last}"


def described(log: Interactions) -> dict[str, Any]:
    users, items = log.shape
    pairs = np.unique(np.stack([log.user, log.item]), axis=1)
    events = np.unique(np.stack([log.user, log.item, log.at, log.weight]), axis=1)
    return {
        "interactions": len(log),
        "users": users,
        "items": items,
        "span": span(log),
        "days": float(log.at[-1] - log.at[0]) / DAY_S,
        "duplicates": len(log) - events.shape[1],
        "one_item_users": int((np.bincount(pairs[0], minlength=users) == 1).sum()),
        "sha256": log.fingerprint,
    }


def about(log: Interactions) -> str:
    """In a sentence, with what could surprise."""
    facts = described(log)
    text = "{interactions:,} interactions of {users:,} users with {items:,} items, {span}".format(**facts)
    if facts["duplicates"]:
        text += f"; {facts['duplicates']:,} repeat another one exactly and count once more"
    if facts["one_item_users"]:
        text += f"; {facts['one_item_users']:,} users met one item only, so the {Protocol.NEW} protocol cannot ask them"
    return text


def write(path: Path, figures: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(figures, indent=1, default=str) + "\n", encoding="utf-8")


def say(line: str) -> None:
    click.echo(line, err=True)
