"""What the routes work with: the services of the store that the request belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flask import current_app, g
from sqlalchemy import Engine

from aircue_cloud import db
from aircue_cloud.config import Config, Place
from aircue_cloud.db import MAIN
from aircue_cloud.delivery.buttons import Links
from aircue_cloud.delivery.live import Waiting
from aircue_cloud.delivery.switched_on import Channels
from aircue_cloud.identity import keys
from aircue_cloud.identity.keys import Key
from aircue_cloud.ingest.group_commit import GroupCommit
from aircue_cloud.ingest.intake import Intake
from aircue_cloud.ingest.uploads import Uploads
from aircue_cloud.layers.lake import Lake
from aircue_cloud.layers.worker import Worker
from aircue_cloud.needs.live import Live
from aircue_cloud.needs.needs import Needs
from aircue_cloud.payment.switched_on import Payments
from aircue_cloud.stores import Background, Stores
from aircue_cloud.support.asking import Support

_STORES = "aircue"
_CONFIG = "aircue-config"


@dataclass(frozen=True, kw_only=True)
class Services:
    place: Place
    engine: Engine
    live: Live
    intake: Intake
    uploads: Uploads | None  # None where no store takes them
    lake: Lake
    layers: Worker
    channels: Channels  # that are switched on
    links: Links
    support: Support
    waiting: Waiting
    payments: Payments
    background: tuple[Background, ...] = ()

    @property
    def needs(self) -> Needs:
        """As they hold now."""
        return self.live.current()

    @cached_property
    def keys(self) -> GroupCommit[str, Key | None]:
        """Looks keys up: those of all requests that wait at the same time in one query, made after the last came."""
        return GroupCommit(self._found)

    def _found(self, shown: Sequence[str]) -> list[Key | None]:
        with db.reading(self.engine) as connection:
            return keys.find_all(connection, shown, self.intake.clock())


def services() -> Services:
    return stores().get(store())


def store() -> str:
    """The request's store; outside of a request, the first."""
    name: str = g.get("store", MAIN)
    return name


def enter(name: str | None) -> None:
    """From now on the request is one of this store, where there is such a store."""
    if name is not None and stores().knows(name):
        g.store = name


def stores() -> Stores[Services]:
    found: Stores[Services] = current_app.extensions[_STORES]
    return found


def config() -> Config:
    found: Config = current_app.extensions[_CONFIG]
    return found


def register(extensions: dict[str, object], stores: Stores[Services], config: Config) -> None:
    extensions[_STORES] = stores
    extensions[_CONFIG] = config
