"""What households agreed to: append-only rows, of which the latest holds; each has a receipt. No row: not agreed.

Who chose that nothing is fitted to them (homes/personalisation.py) agrees to no use of what is known of them meanwhile,
whatever the rows say; `granted` and `granting` see to that for everybody who asks.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update

from aircue_cloud import tables
from aircue_cloud.homes import personalisation
from aircue_cloud.needs import quantities
from aircue_cloud.needs.needs import PERSON, REPLENISH
from aircue_cloud.rights.receipts import Controller, Said, document

PURPOSES = ("marketing",)
# What each category of data is; one is named in every consent.
CATEGORIES = MappingProxyType(
    {
        "sensor": "what the sensors in the home measure",
        "behaviour": "what people do in the shop",
        "location": "the area that a phone or wearable is in, to a tenth of a degree",
        "activity": "steps that a phone or wearable counts",
        "body": "skin temperature from a wearable",
        "ambient": "temperature around a phone or wearable",
    }
)
DATA_CATEGORIES = tuple(CATEGORIES)
CHANNELS = ("in-app", "web-push", "email", "webhook", "mqtt", "apprise", "sns")
SENSITIVE = frozenset({"body"})  # data categories that the law protects more
PUSHED_FROM = ("sensor", "in-app")
BY_PERSON = "behaviour"  # the category whose data is a person's own; all others say something of a home
NOBODY_NAMED = Controller()

_T = tables.consents.c


@dataclass(frozen=True, kw_only=True)
class Consent:
    purpose: str
    data_category: str
    channel: str
    granted: bool
    at: datetime
    receipt: str
    document: dict[str, Any] | None  # the receipt as it was given


def record(
    connection: Connection,
    household: str,
    *,
    purpose: str,
    data_category: str,
    channel: str,
    granted: bool,
    now: datetime,
    method: str = "command line",
    controller: Controller = NOBODY_NAMED,
    language: str = "en",
) -> Consent:
    """What a household says from now on. Taken back, it also ends the offers that wait in the inbox for its sake.

    method: how the answer was collected. language: of what the household read.
    """
    said = Said(
        receipt=str(uuid.uuid4()),
        principal=household,
        purpose=purpose,
        data_category=data_category,
        channel=channel,
        granted=granted,
        at=now,
        method=method,
        language=language,
        sensitive=data_category in SENSITIVE,
    )
    consent = Consent(
        purpose=purpose,
        data_category=data_category,
        channel=channel,
        granted=granted,
        at=now,
        receipt=said.receipt,
        document=document(said, controller),
    )
    connection.execute(insert(tables.consents), {"household": household, **vars(consent)})
    if not granted:
        _end_waiting(connection, household, data_category, channel, now)
    return consent


def _end_waiting(connection: Connection, household: str, data_category: str, channel: str, now: datetime) -> None:
    """Every push asks for the air of the home, by one channel; some follow from what somebody wears or bought, or were
    asked about it, whichever channel that was agreed to by."""
    if (data_category, channel) == PUSHED_FROM:
        end_waiting(connection, household, now)
    agreed = granting(purpose="marketing", data_category=data_category).where(_T.household == household)
    if data_category in _USED_BESIDE_AIR and connection.execute(agreed).first() is None:
        used = _waiting_by(connection, household, data_category)
        connection.execute(update(tables.pushes).where(tables.pushes.c.id.in_(used)).values(withdrawn_at=now))
        _end_episodes(connection, household, data_category, now)


def _end_episodes(connection: Connection, household: str, data_category: str, now: datetime) -> None:
    """Nothing more is followed of what somebody wears or uses up; given the word again, they stand again."""
    episodes, sites = tables.episodes, tables.sites.c
    followed = [quantities.of(PERSON, kind) for kind, of in quantities.CATEGORY.items() if of == data_category]
    followed += [quantities.of(REPLENISH, "used")] if data_category == quantities.BY_SHOPPING else []
    at_home = episodes.c.site.in_(select(sites.id).where(sites.household == household))
    mine = (at_home, episodes.c.quantity.in_(followed), episodes.c.open.is_(True))
    connection.execute(update(episodes).where(*mine).values(open=False, ended_at=now))


_USED_BESIDE_AIR = frozenset({*quantities.CATEGORY.values(), quantities.BY_SHOPPING})


def _waiting_by(connection: Connection, household: str, data_category: str) -> list[str]:
    """Pushes of a household that wait, and whose decisions say that data of the category were used for them."""
    pushes, decisions = tables.pushes.c, tables.decisions.c
    query = (
        select(pushes.id, decisions.trace)
        .join(tables.decisions, decisions.push == pushes.id)
        .where(pushes.household == household, pushes.withdrawn_at.is_(None), decisions.outcome == "send")
    )
    return [row.id for row in connection.execute(query) if data_category in row.trace.get("categories", ())]


def end_waiting(connection: Connection, household: str, now: datetime) -> None:
    """Offers that wait in the household's inbox are gone."""
    pushes = tables.pushes
    waiting = (pushes.c.household == household, pushes.c.withdrawn_at.is_(None))
    connection.execute(update(pushes).where(*waiting).values(withdrawn_at=now))


def history(connection: Connection, household: str) -> list[Consent]:
    """Everything a household ever said, oldest first."""
    query = select(tables.consents).where(_T.household == household).order_by(_T.id)
    return [_consent(row) for row in connection.execute(query)]


def latest(history: Sequence[Consent]) -> list[Consent]:
    """What holds now, of a history."""
    return list({(said.purpose, said.data_category, said.channel): said for said in history}.values())


def granted(connection: Connection, household: str, *, purpose: str, data_category: str, channel: str) -> bool | None:
    """None where the household never said; False while nothing may be fitted to it."""
    mine = (
        _T.household == household,
        _T.purpose == purpose,
        _T.data_category == data_category,
        _T.channel == channel,
    )
    query = select(_T.granted).where(*mine).order_by(_T.id.desc()).limit(1)
    said: bool | None = connection.execute(query).scalar_one_or_none()
    if said and connection.execute(_impersonal(data_category).where(tables.households.c.id == household)).first():
        return False
    return said


def _last_of_many() -> Select[Any]:
    mine = (
        _T.purpose == bindparam("purpose"),
        _T.data_category == bindparam("category"),
        _T.household.in_(bindparam("homes", expanding=True)),
    )
    last = select(func.max(_T.id)).where(*mine).group_by(_T.household, _T.channel)
    return select(_T.household, _T.channel, _T.granted).where(_T.id.in_(last))


_LAST_OF_MANY = _last_of_many()


def granted_by_many(
    connection: Connection, households: Sequence[str], *, purpose: str, data_category: str
) -> dict[str, dict[str, bool]]:
    """By household and channel what `granted` says of each; no key where the household never said."""
    homes = {"homes": list(households)}
    unfitted = _unfitted(connection, data_category, homes)
    found: dict[str, dict[str, bool]] = {}
    for row in connection.execute(_LAST_OF_MANY, homes | {"purpose": purpose, "category": data_category}):
        found.setdefault(row.household, {})[row.channel] = row.granted and row.household not in unfitted
    return found


def _unfitted(connection: Connection, data_category: str, homes: dict[str, list[str]]) -> frozenset[str]:
    among = tables.households.c.id.in_(bindparam("homes", expanding=True))
    return frozenset(connection.execute(_impersonal(data_category).where(among), homes).scalars())


def granting(*, purpose: str, data_category: str) -> Select[str]:
    """The ids of households that agree, through whichever channel they said so, and to which something may be fitted.

    Of behaviour, people who said no for themselves are to be left out besides: personalisation.willing().
    """
    return _saying(purpose, data_category).where(_T.household.not_in(_impersonal(data_category)))


def _saying(purpose: str, data_category: str) -> Select[str]:
    asked = (_T.purpose == purpose, _T.data_category == data_category)
    last = select(func.max(_T.id)).where(*asked).group_by(_T.household, _T.channel)
    return select(_T.household).where(_T.id.in_(last), _T.granted)


def _impersonal(data_category: str) -> Select[str]:
    own = data_category == BY_PERSON
    return personalisation.unwilling() if own else personalisation.shared_by_the_unwilling()


def storing(connection: Connection, data_category: str) -> set[str]:
    """The ids of households whose data of this category may be stored: they agree to some use of it."""
    uses = [_saying(purpose, data_category) for purpose in PURPOSES]
    return {id_ for use in uses for id_ in connection.execute(use).scalars()}


def _consent(row: Row[tuple[object, ...]]) -> Consent:
    return Consent(
        purpose=row.purpose,
        data_category=row.data_category,
        channel=row.channel,
        granted=row.granted,
        at=row.at,
        receipt=row.receipt,
        document=row.document,
    )
