"""Households, their people, and their sites."""

import zoneinfo
from functools import cache
from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection, Row, Table, select, update

from aircue_cloud import db, tables
from aircue_cloud.fields import Body, Id, Name, Reason, changed

Latitude: TypeAlias = Annotated[float, Meta(ge=-90, le=90)]
Longitude: TypeAlias = Annotated[float, Meta(ge=-180, le=180)]


class Household(Body):
    name: Name


class HouseholdPatch(Body):
    name: Name | UnsetType = UNSET


class Person(Body):
    household: Id
    name: Name


class PersonPatch(Body):
    household: Id | UnsetType = UNSET
    name: Name | UnsetType = UNSET


class Site(Body):
    """household: null while it is linked to none. latitude, longitude: kept in whole tenths of a degree."""

    timezone: Name = "UTC"
    household: Id | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class SitePatch(Body):
    timezone: Name | UnsetType = UNSET
    household: Id | UnsetType | None = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET


class HouseholdDocument(Struct, kw_only=True, frozen=True):
    id: str
    name: str
    sites: list[str]


class PersonDocument(Struct, kw_only=True, frozen=True):
    id: str
    household: str
    name: str


class SiteDocument(Struct, kw_only=True, frozen=True):
    """area: latitude,longitude in tenths of a degree; null where nobody said where it is."""

    id: str
    household: str | None
    timezone: str
    area: str | None


def household(connection: Connection, row: Row[Any]) -> HouseholdDocument:
    sites = select(tables.sites.c.id).where(tables.sites.c.household == row.id).order_by(tables.sites.c.id)
    return HouseholdDocument(id=row.id, name=row.name, sites=list(connection.execute(sites).scalars()))


def person(row: Row[Any]) -> PersonDocument:
    return PersonDocument(id=row.id, household=row.household, name=row.name)


def site(row: Row[Any]) -> SiteDocument:
    return SiteDocument(id=row.id, household=row.household, timezone=row.tz, area=row.area)


def find(connection: Connection, table: Table, id_: str) -> Row[Any] | None:
    return connection.execute(select(table).where(table.c.id == id_)).one_or_none()


def page(connection: Connection, table: Table, *, after: str, limit: int, household: str | None) -> list[Row[Any]]:
    """By id; of one household, or of all."""
    query = select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
    return list(connection.execute(query if household is None else query.where(table.c.household == household)))


def put(connection: Connection, table: Table, id_: str, values: dict[str, Any]) -> bool:
    """Creates or replaces a row; True where it is new."""
    created = find(connection, table, id_) is None
    connection.execute(db.insert_or_update(connection, table, list(values)), [{"id": id_, **values}])
    return created


def change(connection: Connection, table: Table, id_: str, values: dict[str, Any]) -> None:
    if values:
        connection.execute(update(table).where(table.c.id == id_).values(values))


def site_values(body: Site) -> dict[str, Any] | Reason:
    """The columns of a site, or why it is none."""
    area = _area(body.latitude, body.longitude)
    reason = zone_amiss(body.timezone) or (area if isinstance(area, Reason) else None)
    return reason or {"tz": body.timezone, "household": body.household, "area": area}


def site_changes(body: SitePatch) -> dict[str, Any] | Reason:
    said = changed(body)
    values: dict[str, Any] = {name: said[name] for name in ("household",) if name in said}
    if "timezone" in said:
        reason = zone_amiss(said["timezone"])
        if reason is not None:
            return reason
        values["tz"] = said["timezone"]
    if "latitude" in said or "longitude" in said:
        area = _area(said.get("latitude"), said.get("longitude"))
        if isinstance(area, Reason):
            return area
        values["area"] = area
    return values


def zone_amiss(name: str) -> Reason | None:
    if name in _zones():
        return None
    return Reason(
        field="timezone",
        found=name,
        expected="a time zone of the IANA database, such as Europe/Berlin",
        remedy="send its name as the database spells it",
    )


def household_amiss(connection: Connection, id_: str | None) -> Reason | None:
    """None where it is known, or none is named."""
    if id_ is None or find(connection, tables.households, id_) is not None:
        return None
    remedy = "PUT it to /api/v1/households/ID first"
    return Reason(field="household", found=id_, expected="a household that is known", remedy=remedy)


def area_of(latitude: float, longitude: float) -> str:
    """
    >>> area_of(52.5244, 13.4105)
    '52.5,13.4'
    >>> area_of(-0.04, 180.0)
    '0.0,180.0'
    """
    return ",".join(f"{round(degrees, 1) + 0.0:.1f}" for degrees in (latitude, longitude))


def coordinates(area: str) -> tuple[float, float]:
    latitude, longitude = area.split(",")
    return float(latitude), float(longitude)


def _area(latitude: float | None, longitude: float | None) -> str | Reason | None:
    if latitude is not None and longitude is not None:
        return area_of(latitude, longitude)
    if latitude is None and longitude is None:
        return None
    missing = "latitude" if latitude is None else "longitude"
    return Reason(
        field=missing, found="null", expected="a number", remedy="send both of latitude and longitude, or none"
    )


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
