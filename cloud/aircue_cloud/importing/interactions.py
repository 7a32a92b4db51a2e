"""CSV of interactions: columns person, product, kind, at, and what the kind says beside them, as events of the API."""

from typing import Any

from aircue_cloud import strict
from aircue_cloud.importing.instants import instant
from aircue_cloud.importing.records import Columns
from aircue_cloud.importing.taking import DRAWN, Item
from aircue_cloud.shop.events import Event

_NEEDED = ("person", "product", "kind", "at")
_MORE = ("id", "stars", "text", "quantity", "price_minor", "currency", "referrer", "path", "dwell_s")


class InteractionsFile:
    """people and products must be known already."""

    columns = Columns(needed=_NEEDED, more=_MORE)

    def item(self, cells: dict[str, str]) -> Item:
        row: dict[str, Any] = {"id": DRAWN, **cells}
        if "at" in cells:
            row["at"] = instant(cells["at"], "at")
        return Item(act=strict.convert(Event, row))
