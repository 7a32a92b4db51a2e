"""How far a training is: from the log that it keeps beside the models, line by line. Pure but for reading the file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from aircue_cloud.recommender.training_log import NAME

SILENT = timedelta(minutes=30)  # a fit of a large model may say nothing for a while; longer, and it was cut off
MOST_BYTES = 200_000
STEPS = ("reading", "tuning new", "tuning repeat", "fitting", "stored")
_TRIAL = re.compile(r"tuning, (\w+): (\d+): (\S+) .* (\d+\.\d+)$")
_OVER = re.compile(r"^training: model \S+( is active|: )")


@dataclass(frozen=True, kw_only=True)
class Line:
    at: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class Tried:
    head: str
    number: int
    family: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Progress:
    """state: none, running, finished, failed or silent (it stopped without a word). step: the one it reached, of
    STEPS."""

    state: str
    lines: tuple[Line, ...] = ()
    tried: tuple[Tried, ...] = ()
    step: str = ""

    @property
    def began(self) -> datetime | None:
        return self.lines[0].at if self.lines else None

    @property
    def heard(self) -> datetime | None:
        return self.lines[-1].at if self.lines else None


def progress(model_dir: Path, now: datetime) -> Progress:
    return of_lines(_read(model_dir / NAME), now)


def _read(path: Path) -> list[str]:
    """The end of a log that grew beyond measure is enough."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MOST_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []


def of_lines(texts: Sequence[str], now: datetime) -> Progress:
    """A line without a time, such as one that was cut in half, is passed over."""
    lines = tuple(line for text in texts if (line := _line(text)) is not None)
    if not lines:
        return Progress(state="none")
    tried = tuple(one for line in lines if (one := _tried(line.text)) is not None)
    return Progress(state=_state(lines, now), lines=lines, tried=tried, step=_step(lines))


def _line(text: str) -> Line | None:
    stamp, _, said = text.partition(" ")
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return None if at.tzinfo is None else Line(at=at, text=said)


def _tried(text: str) -> Tried | None:
    found = _TRIAL.search(text)
    if found is None:
        return None
    head, number, family, value = found.groups()
    return Tried(head=head, number=int(number), family=family, value=float(value))


def _state(lines: Sequence[Line], now: datetime) -> str:
    if lines[-1].text.startswith("failed: "):
        return "failed"
    if any(_OVER.match(line.text) for line in lines):
        return "finished"
    return "running" if now - lines[-1].at <= SILENT else "silent"


def _step(lines: Sequence[Line]) -> str:
    """The furthest one."""
    reached = [place for line in lines for place, marks in enumerate(_MARKS) if line.text.startswith(marks)]
    return STEPS[max(reached, default=0)]


_MARKS = (
    ("training: ",),
    ("tuning, new:", "check, new:"),
    ("tuning, repeat:", "check, repeat:"),
    ("training: fitting",),
    ("training: model",),
)
