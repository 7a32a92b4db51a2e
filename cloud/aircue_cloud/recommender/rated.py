"""What ratings say in words, for a model: stars for those who gave none, and a summary of each product. Pure.

Sentiment is learnt from the ratings that have both (aircue_cloud.recommender.reviews). Where there are too few of them
nothing is judged: a rating without stars then says no more than that somebody rated. The summaries that a model keeps
hold figures alone, none of anybody's words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aircue_cloud.recommender import reviews
from aircue_cloud.recommender.acts import Event
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.reviews import Review, Sentiment, Summary

RATING = "rating"
_SURE = 0.75  # the chance, of good or of bad, from which on a text is read as five stars or as one


@dataclass(frozen=True, kw_only=True)
class Rated:
    """events: all of them, with stars where a text said them. read: how many those are. metrics: of the sentiment on
    texts held out; note: why there are none."""

    events: Sequence[Event] = field(repr=False)
    summaries: tuple[Summary, ...] = ()
    read: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


def rated(events: Sequence[Event]) -> Rated:
    own = [_review(one) for one in events if one.kind == RATING and (one.stars is not None or one.text)]
    try:
        sentiment = reviews.learn(own)
    except DatasetError as error:
        return Rated(events=events, summaries=_of_stars(own), note=str(error))
    found = [_with_stars(one, sentiment) for one in events]
    read = sum(before.stars != after.stars for before, after in zip(events, found, strict=True))
    summaries = reviews.summaries(own, sentiment).values()
    return Rated(events=found, summaries=_without_words(summaries), read=read, metrics=_held_out(own))


def _review(event: Event) -> Review:
    """No star is a bad one: reviews know 1 to 5."""
    stars = None if event.stars is None else max(1.0, float(event.stars))
    return Review(product=event.product, text=event.text or "", stars=stars)


def _with_stars(event: Event, sentiment: Sentiment) -> Event:
    """As they are where they were given, and where the text leaves doubts."""
    if event.kind != RATING or event.stars is not None or not event.text:
        return event
    positive = sentiment.positive(event.text)
    if positive is None or max(positive, 1 - positive) < _SURE:
        return event
    return replace(event, stars=5 if positive > 0.5 else 1)


def _held_out(own: Sequence[Review]) -> Mapping[str, float]:
    """Of a sentiment learnt from four fifths; nothing where the fifth cannot tell."""
    train, test = reviews.dealt(own)
    try:
        found = reviews.held_out(reviews.learn(train), test)
    except DatasetError:
        return {}
    return {"reviews_auc": found.auc, "reviews_brier": found.brier, "reviews_unknown": found.unknown}


def _of_stars(own: Sequence[Review]) -> tuple[Summary, ...]:
    """By the stars alone."""
    stars: dict[str, list[float]] = {}
    for one in own:
        if one.stars is not None:
            stars.setdefault(one.product, []).append(one.stars)
    given = [star for some in stars.values() for star in some]
    overall = sum(given) / len(given) if given else 0.0
    return tuple(
        Summary(product=product, quality=reviews.quality(some, overall), ratings=len(some), aspects=(), unknown=1.0)
        for product, some in sorted(stars.items())
    )


def _without_words(summaries: Iterable[Summary]) -> tuple[Summary, ...]:
    return tuple(
        replace(one, aspects=tuple(replace(aspect, example="") for aspect in one.aspects))
        for one in sorted(summaries, key=lambda one: one.product)
    )
