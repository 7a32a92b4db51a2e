"""What a person reads: a need's templates filled in, in one language. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from aircue_cloud import texts
from aircue_cloud.needs.needs import ENGLISH, Message


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """What a message may speak of. enter, value: in the quantity's unit. held_s: how long the need has held. day_s: for
    how long it held altogether on the day; today: what day it is for the reader."""

    node: str
    enter: float
    value: float
    held_s: float
    product: str
    day_s: float
    day: date
    today: date


@cache
def version(need: str, language: str, template: Message) -> str:
    """What the words of a push are kept under: need, language and a hash of the template.

    >>> version("damp-air", "en", Message(title="Damp", text="Dry it.", reason="Above 80 %."))
    'damp-air/en/bbabcb30baf5'
    """
    words = json.dumps([template.title, template.text, template.reason])
    return f"{need}/{language}/{hashlib.sha256(words.encode()).hexdigest()[:12]}"


def write(template: Message, occasion: Occasion, language: str = ENGLISH) -> Message:
    words = {
        "room": _room(occasion.node, language),
        "enter": _number(occasion.enter),
        "value": _number(occasion.value),
        "minutes": str(round(occasion.held_s / 60)),
        "time": _TIMES.get(language, _english)(round(occasion.day_s / 60), occasion.day, occasion.today),
        "product": occasion.product,
    }
    return Message(
        title=template.title.format_map(words),
        text=template.text.format_map(words),
        reason=template.reason.format_map(words),
    )


def _room(node: str, language: str) -> str:
    """As the language calls it; a node of another name is called by that.

    >>> _room("shower-room", "en"), _room("shower-room", "zh"), _room("WC_2", "en")
    ('shower room', '淋浴间', 'WC 2')
    """
    known = texts.of(language).name("rooms", node, "")
    return known.lower() or re.sub(r"[-_ ]+", " ", node)


def _english(minutes: int, day: date, today: date) -> str:
    """
    >>> _english(130, date(2026, 11, 21), date(2026, 11, 21)), _english(59, date(2026, 11, 20), date(2026, 11, 21))
    ('2 h 10 min today', '59 min yesterday')
    """
    hours, rest = divmod(minutes, 60)
    span = " ".join(
        part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else "") if part
    )
    near = {0: "today", 1: "yesterday"}.get((today - day).days)
    return f"{span} {near or f'on {day.day} {day:%b %Y}'}"


def _chinese(minutes: int, day: date, today: date) -> str:
    """
    >>> _chinese(130, date(2026, 11, 21), date(2026, 11, 21))
    '今天共有2小时10分钟'
    """
    hours, rest = divmod(minutes, 60)
    span = (f"{hours}小时" if hours else "") + (f"{rest}分钟" if rest or not hours else "")
    near = {0: "今天", 1: "昨天"}.get((today - day).days)
    return f"{near or f'{day.year}年{day.month}月{day.day}日'}共有{span}"


_TIMES: Mapping[str, Callable[[int, date, date], str]] = {ENGLISH: _english, "zh": _chinese}


def _number(value: float) -> str:
    """At most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
