"""What support may tell whoever is signed in about themselves: orders, parcels, and why their latest offer came."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from aircue_cloud import tables
from aircue_cloud.decision import policy
from aircue_cloud.logistics import reading as parcels
from aircue_cloud.logistics.reading import Parcel
from aircue_cloud.orders import reading as orders
from aircue_cloud.orders.reading import Order
from aircue_cloud.storefront import why
from aircue_cloud.storefront.formats import Formats
from aircue_cloud.storefront.visitor import Visitor
from aircue_cloud.texts import Texts

MOST = 3  # orders that are told of, and parcels that belong to none
_U, _D = tables.pushes.c, tables.decisions.c


@dataclass(frozen=True, kw_only=True)
class Told:
    """Of one person; see support.bot.Facts."""

    connection: Connection
    visitor: Visitor
    t: Texts
    formats: Formats
    now: datetime

    def orders(self) -> Sequence[str]:
        return list(self._orders())

    def why(self) -> Sequence[str]:
        return list(self._why())

    def _orders(self) -> Iterator[str]:
        sent = parcels.of_person(self.connection, self.visitor.person)
        for order in orders.of_person(self.connection, self.visitor.person, MOST):
            yield self._order(order)
            for parcel in (one for one in sent if one.order == order.id):
                yield self._parcel(parcel)
        for parcel in [one for one in sent if one.order is None][:MOST]:
            yield self._parcel(parcel)

    def _order(self, order: Order) -> str:
        return self.t(
            "support.order",
            number=order.number,
            day=self.formats.day(order.placed_at),
            state=self.t.name("support.order_state", order.state),
            products=", ".join(line.name for line in order.lines),
        )

    def _parcel(self, parcel: Parcel) -> str:
        state = self.t.name("support.parcel_state", parcel.standing(self.now))
        said = [self.t("support.parcel", carrier=parcel.carrier, tracking=parcel.tracking_number, state=state)]
        if parcel.expected_at is not None and parcel.is_coming(self.now):
            said.append(self.t("support.expected", day=self.formats.day(parcel.expected_at)))
        delay = parcel.delay(self.now)
        if delay is not None and delay.days:
            said.append(self.t.count("support.late", delay.days))
        return " ".join(said)

    def _why(self) -> Iterator[str]:
        theirs = (_U.household == self.visitor.household, _U.withdrawn_at.is_(None))
        to_them = _U.person.is_(None) | (_U.person == self.visitor.person)
        query = select(tables.pushes).where(*theirs, to_them).order_by(_U.created_at.desc(), _U.id).limit(1)
        push = self.connection.execute(query).one_or_none()
        if push is None:
            return
        when = self.formats.moment(push.created_at)
        yield self.t("support.offer", time=when, title=push.title, reason=push.reason)
        sent = (_D.push == push.id, _D.outcome == policy.SEND)
        for trace in self.connection.execute(select(_D.trace).where(*sent).order_by(_D.id.desc()).limit(1)).scalars():
            yield from why.sentences(trace, self.t, self.formats)
