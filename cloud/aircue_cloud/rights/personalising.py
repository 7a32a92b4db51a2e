"""Switching personalisation off and on. Off holds at once, also on what waits in the inbox."""

from datetime import datetime

from sqlalchemy import Connection

from aircue_cloud import consents
from aircue_cloud.errors import CommandError
from aircue_cloud.homes import personalisation


def of_household(connection: Connection, household: str, now: datetime, *, on: bool) -> None:
    """CommandError where there is no such household."""
    if not personalisation.is_known(connection, household=household):
        raise CommandError(f"household {household} is not known")
    if personalisation.keep(connection, now, on=on, household=household) and not on:
        consents.end_waiting(connection, household, now)


def of_person(connection: Connection, person: str, now: datetime, *, on: bool) -> None:
    """CommandError where there is no such person."""
    household = personalisation.home(connection, person)
    if household is None:
        raise CommandError(f"person {person} is not known")
    if personalisation.keep(connection, now, on=on, person=person) and not on:
        consents.end_waiting(connection, household, now)
