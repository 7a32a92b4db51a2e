"""What ratings say in words: aspects by a lexicon, sentiment by a logistic model learnt from the stars themselves.

A text is cut into clauses at punctuation and at but, yet, though, although, however. Words after a negation up to the
clause's end are other words ("not_quiet"). The model's features are words and pairs of neighbours that at least two
texts have; its labels are the stars, 4 and 5 positive, 1 and 2 negative, 3 left out; the parts are those of penalised
logistic regression (Hastie, Tibshirani, Friedman: Elements of Statistical Learning, 2nd ed., section 4.4), solved by
L-BFGS. So a shop's own ratings say what good and bad sounds like there, in any language they are written in.

A text of which less than half the words are known from training is not judged: None, counted as unknown. Sarcasm is
taken at its word.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import exp, log
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit

from aircue_cloud.recommender.errors import DatasetError

KNOWN_SHARE = 0.5
QUALITY_TRUST = 10.0  # ratings that the mean of all products counts for
_LEAST_TEXTS = 2  # that hold a word, for it to be known
_MOST_TOLD = 5
_MANY = 20  # ratings of each kind at least

_LEXICON = {
    "noise": "noise noisy quiet silent loud louder hum hums humming rattle rattles sleep",
    "effect": "effect effective works work working room air dry drier damp cool cools warm warms heats",
    "use": "use easy controls control buttons button manual setup app display settings",
    "quality": "quality made material solid sturdy broke broken cheap seams seam stitching flimsy lovely thin plastic",
    "price": "price worth money cost costs expensive value bargain overpriced paid",
    "delivery": "delivery delivered arrived packed packaging shipping came quickly late damaged",
    "size": "size small smaller big bigger large larger fits fit tight",
    "looks": "looks look picture colour color design pretty beautiful ugly",
}
_NEGATED_BY = (
    "not no never nothing nor without hardly cannot cant dont doesnt didnt isnt wasnt wont arent werent couldnt"
)
ASPECTS: Mapping[str, frozenset[str]] = {name: frozenset(text.split()) for name, text in _LEXICON.items()}
_NEGATIONS = frozenset(_NEGATED_BY.split())
_TURNS = re.compile(r"[.!?;:,()\n]+|\b(?:but|yet|though|although|however)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Review:
    """stars: 1..5, None where somebody wrote without rating."""

    product: str
    text: str
    stars: float | None


def clauses(text: str) -> list[str]:
    return [part.strip() for part in _TURNS.split(text) if part.strip()]


def words(clause: str) -> list[str]:
    """In lower case, apostrophes closed up, those behind a negation marked."""
    found: list[str] = []
    negated = False
    for word in _WORD.findall(re.sub("['\u2019]", "", clause.lower())):
        found.append(f"not_{word}" if negated else word)
        negated = negated or word in _NEGATIONS
    return found


def features(text: str) -> Counter[str]:
    """Words and pairs of neighbours within a clause, each once: how often somebody says it is not how much."""
    found: Counter[str] = Counter()
    for clause in clauses(text):
        own = words(clause)
        found.update(own)
        found.update(f"{one} {other}" for one, other in pairwise(own))
    return Counter(dict.fromkeys(found, 1))


@dataclass(frozen=True, kw_only=True)
class Sentiment:
    """places: of features in weights. texts: it was learnt from."""

    places: Mapping[str, int] = field(repr=False)
    weights: Numbers = field(repr=False)
    bias: float
    texts: int

    def positive(self, text: str) -> float | None:
        """The chance that the stars are 4 or 5 rather than 1 or 2; None where too few words are known."""
        own = [word for clause in clauses(text) for word in words(clause)]
        known = sum(word in self.places or word.removeprefix("not_") in self.places for word in own)
        if not own or known / len(own) < KNOWN_SHARE:
            return None
        score = sum(self.weights[self.places[name]] for name in features(text) if name in self.places)
        return float(1 / (1 + exp(-max(-700.0, self.bias + score))))


def learn(reviews: Iterable[Review], l2: float = 1.0) -> Sentiment:
    """l2: half the penalty on each squared weight. DatasetError where there are less than twenty good or bad ones."""
    judged = [(review.text, review.stars > 3) for review in reviews if review.stars is not None and review.stars != 3]
    good = sum(label for _, label in judged)
    if min(good, len(judged) - good) < _MANY:
        raise DatasetError(
            f"{good} ratings of 4 and 5 stars with text and {len(judged) - good} of 1 and 2: at least {_MANY} of each"
            " are needed to learn what good and bad sounds like"
        )
    texts = [features(text) for text, _ in judged]
    counts = Counter(name for text in texts for name in text)
    places = {name: place for place, name in enumerate(sorted(n for n, c in counts.items() if c >= _LEAST_TEXTS))}
    weights = _logistic(_table(texts, places), np.array([label for _, label in judged], dtype=np.float64), l2)
    return Sentiment(places=places, weights=weights[1:], bias=float(weights[0]), texts=len(judged))


def _table(texts: Sequence[Counter[str]], places: Mapping[str, int]) -> csr_array:
    pairs = [(row, places[name]) for row, text in enumerate(texts) for name in text if name in places]
    rows, columns = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    return csr_array((np.ones(len(pairs)), (rows, columns)), shape=(len(texts), len(places)))


def _logistic(x: csr_array, y: Numbers, l2: float) -> Numbers:
    """Bias and weights, shape (1 + features,); the bias is not penalised."""

    def loss(beta: Numbers) -> tuple[float, Numbers]:
        score = beta[0] + x @ beta[1:]
        off = expit(score) - y
        value = np.logaddexp(0, score).sum() - y @ score + l2 / 2 * beta[1:] @ beta[1:]
        return float(value), np.concatenate([[off.sum()], x.T @ off + l2 * beta[1:]])

    return np.asarray(minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B").x)


# Products.


@dataclass(frozen=True, kw_only=True)
class Aspect:
    """mentions: judged clauses. positive: their share. example: the clause most like its majority."""

    name: str
    mentions: int
    positive: float
    example: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """quality: 1..5, shrunk toward the mean of all products. unknown: share of texts that were not judged."""

    product: str
    quality: float
    ratings: int
    aspects: tuple[Aspect, ...]
    unknown: float


def summaries(reviews: Sequence[Review], sentiment: Sentiment) -> dict[str, Summary]:
    """By product."""
    stars = {id(review): _stars(review, sentiment) for review in reviews}
    given = [value for value in stars.values() if value is not None]
    overall = sum(given) / len(given) if given else 3.0
    by_product: dict[str, list[Review]] = {}
    for review in reviews:
        by_product.setdefault(review.product, []).append(review)
    return {
        product: _summary(product, own, [stars[id(one)] for one in own], overall, sentiment)
        for product, own in by_product.items()
    }


def _stars(review: Review, sentiment: Sentiment) -> float | None:
    """As given; from the text where there are none: 1.5 where it is surely bad, 4.5 where surely good."""
    if review.stars is not None:
        return review.stars
    positive = sentiment.positive(review.text)
    return None if positive is None else 1.5 + 3 * positive


def _summary(
    product: str, own: Sequence[Review], stars: Sequence[float | None], overall: float, sentiment: Sentiment
) -> Summary:
    given = [value for value in stars if value is not None]
    texts = [review.text for review in own if review.text.strip()]
    unknown = sum(sentiment.positive(text) is None for text in texts)
    return Summary(
        product=product,
        quality=quality(given, overall),
        ratings=len(given),
        aspects=tuple(_aspects(texts, sentiment)),
        unknown=unknown / len(texts) if texts else 0.0,
    )


def quality(stars: Sequence[float], overall: float, trust: float = QUALITY_TRUST) -> float:
    """(trust x overall + sum of stars) / (trust + number of stars): few ratings say little."""
    return (trust * overall + sum(stars)) / (trust + len(stars))


def _aspects(texts: Iterable[str], sentiment: Sentiment) -> Iterator[Aspect]:
    """Most mentioned first."""
    found: dict[str, list[tuple[float, str]]] = {}
    for text in texts:
        for clause in clauses(text):
            positive = sentiment.positive(clause)
            for name in aspects_of(clause) if positive is not None else ():
                found.setdefault(name, []).append((float(positive or 0.0), clause))
    for name, judged in sorted(found.items(), key=lambda one: (-len(one[1]), one[0])):
        share = sum(positive > 0.5 for positive, _ in judged) / len(judged)
        example = max(judged) if share >= 0.5 else min(judged)
        yield Aspect(name=name, mentions=len(judged), positive=share, example=example[1])


def aspects_of(clause: str) -> list[str]:
    own = {word.removeprefix("not_") for word in words(clause)}
    return [name for name, lexicon in ASPECTS.items() if own & lexicon]


# The file, and how good it is.


def read_reviews(path: Path) -> list[Review]:
    """CSV: product,stars,text; stars 1..5 or nothing. DatasetError names line, column and what was expected."""
    bad: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in ("product", "stars", "text") if name not in (reader.fieldnames or ())]
            if missing:
                raise DatasetError(f"{path}: no column {', '.join(missing)}; expected product,stars,text")
            found = list(_read(reader, bad))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: no CSV in UTF-8 ({error}); save it as one") from error
    if bad or not found:
        raise DatasetError(f"{path}: {'; '.join(bad[:_MOST_TOLD]) or 'no ratings'}; mend or remove these lines")
    return found


def _read(reader: "csv.DictReader[str]", bad: list[str]) -> Iterator[Review]:
    for row in reader:
        try:
            stars = _stars_of(row["stars"])
            if not row["product"]:
                raise ValueError("column product: empty, expected an id")
            yield Review(product=row["product"], text=row["text"] or "", stars=stars)
        except ValueError as error:
            bad.append(f"line {reader.line_num}, {error}")


def _stars_of(text: str | None) -> float | None:
    if not text:
        return None
    if not re.fullmatch(r"[1-5](\.\d+)?", text.strip()) or float(text) > 5:
        raise ValueError(f"column stars: {text!r}, expected a number from 1 to 5, or nothing")
    return float(text)


def dealt(reviews: Sequence[Review], seed: int = 7) -> tuple[list[Review], list[Review]]:
    """Four fifths to learn from and one to be held against; texts that are the same stay together, for a text that was
    learnt says nothing about others."""
    texts = sorted({review.text for review in reviews})
    held = set(np.random.default_rng(seed).permutation(texts)[: len(texts) // 5].tolist())
    return [one for one in reviews if one.text not in held], [one for one in reviews if one.text in held]


@dataclass(frozen=True, kw_only=True)
class Held:
    """Against the stars of texts it was not learnt from. auc: the chance that a good one scores above a bad one; brier:
    mean squared error of the chance; calibration: mean distance, over tenths, of the chance from what came true; log
    loss in nats. unknown: share of texts not judged, which the others leave out."""

    texts: int
    auc: float
    brier: float
    log_loss: float
    calibration: float
    unknown: float


def held_out(sentiment: Sentiment, reviews: Iterable[Review]) -> Held:
    """DatasetError where the judged ones are not of both kinds."""
    labels = [(review, review.stars > 3) for review in reviews if review.stars is not None and review.stars != 3]
    chances = [sentiment.positive(review.text) for review, _ in labels]
    judged = [(chance, label) for chance, (_, label) in zip(chances, labels, strict=True) if chance is not None]
    p, y = (np.array(column, dtype=np.float64) for column in (zip(*judged, strict=True) if judged else ((), ())))
    if not 0 < y.sum() < len(y):
        raise DatasetError("the held-out texts that could be judged are not of both kinds, good and bad")
    return Held(
        texts=len(labels),
        auc=_auc(p, y),
        brier=float(((p - y) ** 2).mean()),
        log_loss=-sum(log(max(1e-12, one if label else 1 - one)) for one, label in judged) / len(judged),
        calibration=_calibration(p, y),
        unknown=1 - len(judged) / len(labels),
    )


def _auc(p: Numbers, y: Numbers) -> float:
    """Ties count half (Mann, Whitney 1947)."""
    good, bad = p[y == 1], np.sort(p[y == 0])
    below, up_to = np.searchsorted(bad, good, "left"), np.searchsorted(bad, good, "right")
    return float((below + up_to).mean() / 2 / len(bad))


def _calibration(p: Numbers, y: Numbers) -> float:
    tenth = np.minimum((10 * p).astype(int), 9)
    sizes = np.bincount(tenth, minlength=10)
    gaps = np.abs(np.bincount(tenth, p - y, minlength=10))
    return float(gaps.sum() / sizes.sum())
