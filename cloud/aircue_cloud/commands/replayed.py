"""What `aircue-cloud pushes replay` prints."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from aircue_cloud import db
from aircue_cloud.commands.terminal import database, load, now
from aircue_cloud.decision import replay
from aircue_cloud.decision.replay import Replay, Replayed, Told

_LISTED = 20


def run(config_path: Path | None, since: datetime, assignments: Sequence[str], out: Path | None) -> None:
    changed = replay.read_settings(assignments)
    with database(config_path) as engine, db.reading(engine) as connection:
        found = replay.replay(connection, since, changed, settings=load(config_path).pushes, now=now())
    click.echo("\n".join(_lines(found)))
    if out is not None:
        changes = [asdict(one) for one in found.changes]
        document = {**_summary(found), "changes": changes, "cannot_know": list(found.cannot_know)}
        out.write_text(json.dumps(document, indent=1, default=_iso) + "\n", encoding="utf-8")
    click.echo(json.dumps(_summary(found)))


def _lines(found: Replay) -> Iterator[str]:
    settings = ", ".join(f"{name} = {value!r}" for name, value in found.changed.items()) or "nothing changed"
    yield f"{found.episodes} episodes that were decided about since {found.since:%d %b %Y %H:%M} UTC; {settings}"
    yield ""
    yield f"{'':32}{'before':>8}{'after':>8}"
    for told in dict.fromkeys((*found.before, *found.after)):
        yield f"{_words(told):32}{found.before.get(told, 0):>8}{found.after.get(told, 0):>8}"
    if found.moved:
        yield ""
    yield from (f"{number:>6} {_words(old)} -> {_words(new)}" for (old, new), number in found.moved.items())
    yield from (_change(one) for one in found.changes[:_LISTED])
    yield ""
    if found.unlike:
        yield f"{found.unlike} would not be decided by today's policy as recorded, even with nothing changed"
    if found.assumed:
        yield f"{found.assumed} needed something that nobody had recorded"
    yield from (f"It cannot know: {text}" for text in found.cannot_know)


def _words(told: Told) -> str:
    outcome, gate = told
    return f"{outcome}: {gate}" if gate else outcome


def _change(one: Replayed) -> str:
    old, new = one.before, one.after
    whom = f"{one.household or 'no household'}, {one.need}"
    return f"  {whom}: {_words(old.told)} ({old.at:%d %b %H:%M}) -> {_words(new.told)} ({new.at:%d %b %H:%M} UTC)"


def _summary(found: Replay) -> dict[str, Any]:
    return {
        "since": _iso(found.since),
        "set": dict(found.changed),
        "episodes": found.episodes,
        "before": {_words(told): number for told, number in found.before.items()},
        "after": {_words(told): number for told, number in found.after.items()},
        "moved": {f"{_words(old)} -> {_words(new)}": number for (old, new), number in found.moved.items()},
        "unlike": found.unlike,
        "assumed": found.assumed,
    }


def _iso(value: Any) -> Any:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else str(value)
