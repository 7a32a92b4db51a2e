"""How good the matching is on anyone's labelled questions: five folds, thresholds chosen on training folds alone.

Errors: CommandError, naming the lines of the file that do not fit.
"""

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from aircue_cloud.errors import CommandError
from aircue_cloud.support import calibration
from aircue_cloud.support.matching import Fit, fitting

FOLDS = 5
_SEED = 0
_MOST_SHOWN = 5
_LONGEST = 2000

Texts: TypeAlias = NDArray[np.str_]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Shares of 1, means over all questions. accuracy: every question answered. coverage_at_p95: of the questions, at
    the line from which on training folds said 95 in 100 are right, with `precision_there` of those answered right.
    abstention_recall: questions of intents that were held back, not answered; `kept`: of those of the other intents
    that were, at the same line, and `precision_kept` of these right. None where the file has too few intents."""

    questions: int
    intents: int
    accuracy: float
    coverage_at_p95: float
    precision_there: float
    abstention_recall: float | None
    kept: float | None
    precision_kept: float | None


def evaluate(texts: Sequence[str], intents: Sequence[str], fit: Fit | None = None) -> Figures:
    """fit: the way that suits so many questions, unless given. CommandError for too few."""
    _enough(intents)
    asked, wanted = np.asarray(texts), np.asarray(intents)
    chosen = fit or fitting(intents)
    known = [_known(chosen, asked, wanted, *fold) for fold in _folds(wanted)]
    right, covered = (np.concatenate(part) for part in zip(*known, strict=True))
    foreign, kept, precision = _abstention(chosen, asked, wanted)
    return Figures(
        questions=len(asked),
        intents=len(set(intents)),
        accuracy=float(right.mean()),
        coverage_at_p95=float(covered.mean()),
        precision_there=_share(right[covered]),
        abstention_recall=foreign,
        kept=kept,
        precision_kept=precision,
    )


def _share(found: NDArray[np.bool_]) -> float:
    return float(found.mean()) if len(found) else 0.0


def _enough(intents: Sequence[str]) -> None:
    few = sorted(name for name, count in Counter(intents).items() if count < FOLDS)
    if len(set(intents)) < 2:
        raise CommandError("the file has one intent or none: with two and more there is something to tell apart")
    if few:
        raise CommandError(f"each intent needs {FOLDS} questions or more, one for each fold; too few of: {_some(few)}")


def _folds(intents: Texts) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    splitting = StratifiedKFold(FOLDS, shuffle=True, random_state=_SEED)
    yield from splitting.split(np.zeros(len(intents)), intents)


def _known(
    fit: Fit, texts: Texts, intents: Texts, seen: NDArray[np.intp], unseen: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of a fold whose intents are all known: what was right, and what is answered at the line for 95 in 100."""
    told = texts[seen].tolist(), intents[seen].tolist()
    line = calibration.calibrated(calibration.rehearse(fit, *told)).least_precise
    matcher = fit(*told)
    scores = matcher.scores(texts[unseen].tolist())
    best = np.asarray(matcher.intents)[scores.argmax(axis=1)]
    return best == intents[unseen], matcher.sureness(scores) >= line


def _abstention(fit: Fit, texts: Texts, intents: Texts) -> tuple[float | None, float | None, float | None]:
    """Every intent is held back once; the rest of the fold is what has to be answered all the same."""
    if len(set(intents.tolist())) < FOLDS:
        return None, None, None
    away = calibration.groups(intents.tolist(), FOLDS)
    refused, kept, right = [], [], []
    for (seen, unseen), held in zip(_folds(intents), away, strict=True):
        foreign = np.isin(intents, sorted(held))
        learnt = seen[~foreign[seen]]
        told = texts[learnt].tolist(), intents[learnt].tolist()
        line = calibration.calibrated(calibration.rehearse(fit, *told)).least
        matcher = fit(*told)
        refused.append(matcher.sureness(matcher.scores(texts[foreign].tolist())) < line)
        mine = unseen[~foreign[unseen]]
        scores = matcher.scores(texts[mine].tolist())
        answered = matcher.sureness(scores) >= line
        kept.append(answered)
        right.append((np.asarray(matcher.intents)[scores.argmax(axis=1)] == intents[mine])[answered])
    return tuple(_share(np.concatenate(part)) for part in (refused, kept, right))  # type: ignore[return-value]  # three


# The file.


def read(path: Path) -> tuple[list[str], list[str]]:
    """The utterances and intents of a CSV file with these two columns, others beside them allowed; gzip as it is."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        return _read(path, rows)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CommandError(f"{path}: no gzip, although its name ends so: {error}") from error
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: byte {error.start} is no UTF-8: save the file as UTF-8") from error
    except csv.Error as error:
        raise CommandError(f"{path}, line {rows.line_num}: no CSV ({error}): a quote may stand open") from error


def _read(path: Path, rows: "csv.DictReader[str]") -> tuple[list[str], list[str]]:
    missing = [name for name in ("utterance", "intent") if name not in (rows.fieldnames or ())]
    if missing:
        found = ", ".join(rows.fieldnames or ()) or "nothing"
        raise CommandError(f"{path}: column {missing[0]} is missing; its first line has: {found:.200}")
    texts: list[str] = []
    intents: list[str] = []
    wrong: list[str] = []
    for row in rows:
        text, intent = (row["utterance"] or "").strip(), (row["intent"] or "").strip()
        reason = next((said for said, holds in _WRONG.items() if holds(text, intent)), None)
        if reason is not None:
            wrong.append(f"line {rows.line_num}: {reason}")
        texts.append(text)
        intents.append(intent)
    if wrong:
        raise CommandError(f"{path}: {len(wrong)} rows do not fit; {_some(wrong, '; ')}")
    return texts, intents


_WRONG: dict[str, Callable[[str, str], bool]] = {
    "no utterance": lambda text, _: not text,
    "no intent": lambda _, intent: not intent,
    f"an utterance of more than {_LONGEST} characters": lambda text, _: len(text) > _LONGEST,
}


def _some(told: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(told) - _MOST_SHOWN} more" if len(told) > _MOST_SHOWN else ""
    return between.join(told[:_MOST_SHOWN]) + more
