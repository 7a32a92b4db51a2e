"""What a person reads: a need's templates filled in. Pure."""

import re
from dataclasses import dataclass

from aircue_cloud.needs.needs import Message


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """What a message may speak of. enter, value: in the quantity's unit. held_s: how long the need has held."""

    node: str
    enter: float
    value: float
    held_s: float
    product: str


def write(template: Message, occasion: Occasion) -> Message:
    words = {
        "room": re.sub(r"[-_ ]+", " ", occasion.node),
        "enter": _number(occasion.enter),
        "value": _number(occasion.value),
        "minutes": str(round(occasion.held_s / 60)),
        "product": occasion.product,
    }
    return Message(
        title=template.title.format_map(words),
        text=template.text.format_map(words),
        reason=template.reason.format_map(words),
    )


def _number(value: float) -> str:
    """At most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
