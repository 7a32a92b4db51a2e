"""Drawings that stand for products, one a kind of thing; there are no photographs. Drawn for these pages, on a field of
48 by 48, in lines of the text's colour."""

from collections.abc import Mapping
from types import MappingProxyType

from markupsafe import Markup

_BOX = "M12 8h24v32H12z"
_DROP = "M24 8c6 8 10 13 10 19a10 10 0 0 1-20 0c0-6 4-11 10-19z"
_SHIRT = "M17 9l-9 6 4 8 4-2v18h16V21l4 2 4-8-9-6c-2 5-12 5-14 0z"
_BED = "M7 12v28M7 30h34v10M41 30v-5a4 4 0 0 0-4-4H19v9M10 25a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0"
_LEAF = "M24 41V22M24 28c-9 1-13-5-13-13 9-1 13 5 13 13zM24 24c0-8 5-12 12-12 0 8-4 13-12 12z"
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "dehumidifier": f"{_BOX}M17 14h14M24 20c3 4 5 6 5 9a5 5 0 0 1-10 0c0-3 2-5 5-9zM16 36h16",
        "humidifier": "M14 26h20v14H14zM19 26v-4h10v4M24 17v-3"
        "M18 15c-2-3 2-4 0-7M30 15c-2-3 2-4 0-7M24 11c-1-2 1-3 0-5",
        "dryer": f"{_BOX}M16 13h6M15 27a9 9 0 1 0 18 0a9 9 0 1 0-18 0M18 28c4-4 8 4 12 0",
        "moisture-absorber": f"{_DROP}M18 28a6 6 0 0 0 6 6",
        "fan": "M14 19a10 10 0 1 0 20 0a10 10 0 1 0-20 0"
        "M24 19c-5-2-4-7 0-8M24 19c4 3 2 8-3 7M24 19c5-1 8 3 5 6M24 29v9M16 40h16",
        "air-conditioner": "M7 11h34v13H7zM12 20h24M14 30v5M24 30v9M34 30v5",
        "heater": "M9 13h30v23H9zM16 13v23M24 13v23M32 13v23M12 36v4M36 36v4",
        "ventilator": "M9 9h30v30H9zM24 24c-7-1-8-8-2-10M24 24c7 1 8 8 2 10M24 24c1-7 8-8 10-2M24 24c-1 7-8 8-10 2",
        "air-purifier": f"{_BOX}M16 14h16M16 19h16M16 24h16M20 33h8",
        "air-monitor": "M8 12h32v22H8zM13 28l6-7 5 4 6-8 5 5M18 40h12M24 34v6",
        "filter": "M10 10h28v28H10zM17 10v28M24 10v28M31 10v28",
        "mask": "M10 19c9-5 19-5 28 0v9c-7 10-21 10-28 0zM10 21H6v6h4M38 21h4v6h-4M17 24h14",
        "bedding": _BED,
        "blanket": "M9 13h30v22H9zM9 29h30M14 13v22M9 35v4M16 35v4M24 35v4M32 35v4M39 35v4",
        "clothing": _SHIRT,
        "towels": "M11 9h26v30H11zM11 29h26M11 33h26M17 9v20",
        "bags": "M10 18h28l3 22H7zM17 22v-6a7 7 0 0 1 14 0v6",
        "umbrella": "M24 8c10 0 17 7 17 16H7C7 15 14 8 24 8zM24 24v13a4 4 0 0 0 8 0M24 5v3",
        "lighting": "M16 8h16l6 14H10zM24 22v17M17 40h14",
        "plants": f"{_LEAF}M15 36h18l-2 6H17z",
        "skin-care": "M18 20h12v20H18zM20 20v-5h8v5M24 15v-5h6",
        "sun-care": "M17 24a7 7 0 1 0 14 0a7 7 0 1 0-14 0"
        "M24 7v5M24 36v5M7 24h5M36 24h5M12 12l3 3M33 33l3 3M36 12l-3 3M12 36l3-3",
        "tea-and-coffee": "M10 19h22v10a9 9 0 0 1-9 9h-4a9 9 0 0 1-9-9z"
        "M32 22h3a4 4 0 0 1 0 9h-3M17 14c-2-3 2-3 0-6M25 14c-2-3 2-3 0-6",
        "kitchen": "M10 20h28v12a7 7 0 0 1-7 7H17a7 7 0 0 1-7-7zM7 24h3M38 24h3M8 20h32M20 15h8v5",
        "books": "M24 14c-4-4-9-4-15-3v25c6-1 11-1 15 3 4-4 9-4 15-3V11c-6-1-11-1-15 3zM24 14v25",
        "cleaning": "M20 18h9l4 22H16zM20 18v-5h9v5M20 13h-6M29 13l4-4M21 27h7",
        "draught-stopper": "M7 30h34v8H7zM13 30v8M35 30v8M10 22c5-5 9 5 14 0s9 5 14 0M10 14c5-5 9 5 14 0s9 5 14 0",
        "cooling-bedding": f"{_BED}M30 7v10M25 9.5l10 5M35 9.5l-10 5",
    }
)
_ANY = "M8 16l16-8 16 8v18l-16 8-16-8zM8 16l16 8 16-8M24 24v18"


def of(category: str) -> Markup:
    """Of a product's category; a parcel where there is none for it. It says nothing beside the product's name."""
    return Markup(
        '<svg class="drawing" viewBox="0 0 48 48" aria-hidden="true" focusable="false"><path d="{}"/></svg>'
    ).format(_KINDS.get(category, _ANY))
