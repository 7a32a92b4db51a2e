"""The gateway's log: one line an event, key=value, to stderr."""

import json
import logging
import re
import time
from typing import Any

_LOGGER = logging.getLogger("aircue.gateway")
_BARE = re.compile(r"[^\s\"'=\\]+")
_LONGEST_VALUE = 500


def event(name: str, **fields: Any) -> None:
    _LOGGER.info(_line(name, fields))


def warning(name: str, **fields: Any) -> None:
    _LOGGER.warning(_line(name, fields))


def error(name: str, **fields: Any) -> None:
    _LOGGER.error(_line(name, fields))


def to_stderr() -> None:
    """Sends the log to stderr; for the command line, so that importing changes nobody's logging."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("time=%(asctime)s.%(msecs)03dZ level=%(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)


def _line(name: str, fields: dict[str, Any]) -> str:
    return " ".join([f"event={name}", *(f"{key}={_value(value)}" for key, value in fields.items())])


def _value(value: Any) -> str:
    """A value as it is, or quoted with its line ends escaped: what a stranger sends cannot forge a line."""
    text = str(value)
    text = text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
