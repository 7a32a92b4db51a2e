"""Deciding about an episode, within the transaction that found it: facts are read, the policy decides, all is kept."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, insert, select

from aircue_cloud import consents, db, feed, tables
from aircue_cloud.decision import replenishing, shopping
from aircue_cloud.decision.affinity import Affinity, AffinitySource
from aircue_cloud.decision.candidates import NO_PUSH_SCORE, Candidate, Product, candidates, household_affinity
from aircue_cloud.decision.message import Occasion, write
from aircue_cloud.decision.policy import (
    CHANNEL,
    DATA_CATEGORY,
    PURPOSE,
    PUSH_TTL,
    SEND,
    Facts,
    LastOffer,
    Verdict,
    decide,
)
from aircue_cloud.delivery.inbox import Push
from aircue_cloud.layers.episodes import Started
from aircue_cloud.needs.needs import Need, Needs
from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.asked import Context, Described, Told
from aircue_cloud.recommender.explanations import Reason

PUSH_NAMESPACE = uuid.UUID("6f1f2a52-8b0e-5d3c-9f7a-2d1c4b7e9a10")


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """Candidates, and by which model they were scored; model None where none may be looked for."""

    candidates: tuple[Candidate, ...] = ()
    model: str | None = None
    note: str | None = None


def about(
    connection: Connection,
    needs: Needs,
    source: AffinitySource,
    episode: Started,
    now: datetime,
    push_ttl: timedelta = PUSH_TTL,
) -> Push | None:
    """Decides, stores the decision with its trace, and returns the push where there is to be one."""
    need = needs.by_name[episode.rule.need]
    household = _household(connection, episode.series.site)
    judged = _Judged()
    if household is not None and _consent(connection, household):
        judged = _judge(connection, source, need, household, now)
    facts = _facts(connection, need, episode, household, judged, now, push_ttl)
    verdict = decide(facts)
    _record(connection, facts, verdict, judged, _occasion_fields(episode))
    return None if verdict.winner is None else _push(facts, verdict.winner, need, episode)


def _household(connection: Connection, site: str) -> str | None:
    found: str | None = connection.execute(
        select(tables.sites.c.household).where(tables.sites.c.id == site)
    ).scalar_one()
    return found


def _consent(connection: Connection, household: str) -> bool | None:
    return consents.granted(connection, household, purpose=PURPOSE, data_category=DATA_CATEGORY, channel=CHANNEL)


def _facts(
    connection: Connection,
    need: Need,
    episode: Started,
    household: str | None,
    judged: _Judged,
    now: datetime,
    push_ttl: timedelta,
) -> Facts:
    return Facts(
        now=now,
        site=episode.series.site,
        household=household,
        need=need.name,
        episode=episode.id,
        confirmed_at=db.from_ms(episode.confirmed.at_ms),
        push_ttl=push_ttl,
        pushed_before=household is not None and _pushed_before(connection, household, need.name, episode.id),
        consent=None if household is None else _consent(connection, household),
        candidates=judged.candidates,
        last_offer=None if household is None else _last_offer(connection, household, need),
    )


def _pushed_before(connection: Connection, household: str, need: str, episode: str) -> bool:
    table = tables.pushes.c
    key = (table.household == household, table.need == need, table.episode == episode)
    return connection.execute(select(table.id).where(*key)).first() is not None


def _last_offer(connection: Connection, household: str, need: Need) -> LastOffer | None:
    table = tables.pushes.c
    mine = (table.household == household, table.category.in_(sorted(need.remedies)))
    query = select(table.category, table.created_at).where(*mine).order_by(table.created_at.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else LastOffer(category=row.category, at=row.created_at)


def _judge(connection: Connection, source: AffinitySource, need: Need, household: str, now: datetime) -> _Judged:
    catalogue = list(connection.execute(select(tables.products.c.id).order_by(tables.products.c.id)).scalars())
    if not catalogue:
        return _Judged(note="the catalogue is empty")
    model, note = shopping.model(connection, source, now)
    # Somebody nobody knows stands in for a household that names no people.
    people = shopping.people(connection, household) or [household]
    remedies = _remedies(connection, need)
    told = shopping.told(connection, model, household, people, [described for _, described in remedies], now)
    shares = model.affinity(people, catalogue, told)
    affinity = dict(zip(catalogue, household_affinity(shares).tolist(), strict=True))
    context = Context(need=need.name, remedies=need.remedies)
    products = [product for product, _ in remedies]
    lifts = {product.id: model.lift(product.id, product.category, context).mean for product in products}
    owned = shopping.owned(connection, household)
    due = _due(connection, household, [described for _, described in remedies if described.id in owned], now)
    found = candidates(need, products, affinity, owned, lifts=lifts, due=due)
    columns = {product: column for column, product in enumerate(catalogue)}
    explained = [replace(one, why=_why(model, people, shares[:, columns[one.product.id]], one, told)) for one in found]
    return _Judged(candidates=tuple(explained), model=model.version, note=note)


def _due(connection: Connection, household: str, owned: Sequence[Described], now: datetime) -> dict[str, float]:
    """Of what the household has and uses up, the share of its life that has passed."""
    if not owned:
        return {}
    learnt = replenishing.learn(connection, owned, now)
    shares = {product.id: learnt.due_at_home(household, product.id, now) for product in owned}
    return {product: share for product, share in shares.items() if share is not None}


def _why(
    model: Affinity, people: Sequence[str], shares: npt.NDArray[np.float64], candidate: Candidate, told: Told
) -> dict[str, Any]:
    """Of the person of the household who is most interested; what the others change is a reason of its own."""
    person = people[int(shares.argmax())]
    found = model.explain_affinity(person, candidate.product.id, told)
    others = log(candidate.affinity) - found.score
    household = Reason(kind=explanations.HOUSEHOLD, amount=others)
    return {"person": person, **found.with_reason(household).as_json()}


def _remedies(connection: Connection, need: Need) -> list[tuple[Product, Described]]:
    table = tables.products.c
    query = select(table.id, table.name, table.category, table.stock, table.price_minor, table.attributes)
    sold = (table.category.in_(sorted(need.remedies)), table.retired_at.is_(None))
    rows = connection.execute(query.where(*sold)).all()
    return [
        (
            Product(id=row.id, name=row.name, category=row.category, stock=row.stock),
            Described(id=row.id, category=row.category, price_minor=row.price_minor, attributes=row.attributes),
        )
        for row in rows
    ]


def _occasion_fields(episode: Started) -> dict[str, Any]:
    """The key and the time of the reading that completed the dwell."""
    return {
        "node": episode.series.node,
        "installation": episode.confirmed.installation,
        "boot": episode.confirmed.boot,
        "sequence": episode.confirmed.sequence,
        "quantity": episode.series.quantity,
        "measured_at": db.from_ms(episode.confirmed.at_ms).isoformat(timespec="milliseconds"),
    }


def _record(connection: Connection, facts: Facts, verdict: Verdict, judged: _Judged, trigger: dict[str, Any]) -> None:
    columns = {"episode": facts.episode, "household": facts.household, "need": facts.need}
    said = {"outcome": verdict.outcome, "reason": verdict.reason}
    trace = _trace(verdict, judged, trigger)
    connection.execute(insert(tables.decisions), {**columns, **said, "at": facts.now, "trace": trace})
    if verdict.outcome != SEND:
        text = f"No push for {facts.need} in {trigger['node']} ({facts.site}): {verdict.reason}"
        fields = {**columns, **said, "site": facts.site, "node": trigger["node"]}
        feed.append(connection, [feed.Entry(kind="decision", text=text, fields=fields)], facts.now)


def _trace(verdict: Verdict, judged: _Judged, trigger: dict[str, Any]) -> dict[str, Any]:
    return {
        "trigger": trigger,
        "gates": [asdict(gate) for gate in verdict.gates],
        "candidates": [_candidate_fields(candidate) for candidate in judged.candidates],
        "no_push_score": NO_PUSH_SCORE,
        "model": judged.model,
        "note": judged.note,
    }


def _candidate_fields(candidate: Candidate) -> dict[str, Any]:
    return {
        "product": candidate.product.id,
        "category": candidate.product.category,
        "affinity": candidate.affinity,
        "lift": candidate.lift,
        "cost": candidate.cost,
        "score": candidate.score,
        "hindrance": candidate.hindrance,
        "why": candidate.why,
        "due": candidate.due,
    }


def _push(facts: Facts, winner: Candidate, need: Need, episode: Started) -> Push:
    household = str(facts.household)
    occasion = Occasion(
        node=episode.series.node,
        enter=episode.rule.enter,
        value=episode.confirmed.value,
        held_s=episode.held_s,
        product=winner.product.name,
    )
    return Push(
        id=str(uuid.uuid5(PUSH_NAMESPACE, f"{household}\n{need.name}\n{episode.id}")),
        household=household,
        need=need.name,
        episode=episode.id,
        product=winner.product.id,
        category=winner.product.category,
        message=write(need.message, occasion),
        trigger=_occasion_fields(episode),
        created_at=facts.now,
    )
