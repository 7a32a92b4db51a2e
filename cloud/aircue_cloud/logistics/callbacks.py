"""Callbacks of carriers: a row for each carrier that calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aircue_cloud.errors import SettingsError
from aircue_cloud.logistics.carriers import aftership
from aircue_cloud.logistics.parcels import Told
from aircue_cloud.settings import build


@dataclass(frozen=True, kw_only=True)
class Caller:
    """header: holds the signature. is_genuine: of secret, body and signature."""

    header: str
    is_genuine: Callable[[str, bytes, str], bool]
    read: Callable[[bytes], list[Told]]


CALLERS: Mapping[str, Caller] = MappingProxyType(
    {aftership.NAME: Caller(header=aftership.HEADER, is_genuine=aftership.is_genuine, read=aftership.read)}
)


@dataclass(frozen=True, kw_only=True)
class CarrierSettings:
    """[carriers.NAME]. secret: under which the carrier signs what it sends."""

    secret: str


_LEAST_SECRET = 16  # characters


def secrets(carriers: Mapping[str, Any], where: str) -> dict[str, str]:
    """By carrier. SettingsError for a carrier that does not call, and for a secret that could be guessed."""
    found: dict[str, str] = {}
    for name, table in carriers.items():
        place = f"{where} [carriers.{name}]"
        if name not in CALLERS or not isinstance(table, dict):
            raise SettingsError(f"{place}: expected a table for one of {', '.join(CALLERS)}")
        found[name] = build(CarrierSettings, table, place).secret
        if len(found[name]) < _LEAST_SECRET:
            raise SettingsError(f"{place}: key 'secret' is shorter than {_LEAST_SECRET} characters; copy it as given")
    return found
