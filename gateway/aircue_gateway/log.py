"""The gateway's log: one line an event to stderr, as key=value or as JSON."""

import json
import logging
import re
import time
from typing import Any

_LOGGER = logging.getLogger("aircue.gateway")
_BARE = re.compile(r"[^\s\"'=\\]+")
_LONGEST_VALUE = 500
FORMATS = ("text", "json")


def event(name: str, **fields: Any) -> None:
    _say(logging.INFO, name, fields)


def warning(name: str, **fields: Any) -> None:
    _say(logging.WARNING, name, fields)


def error(name: str, **fields: Any) -> None:
    _say(logging.ERROR, name, fields)


def to_stderr(form: str = FORMATS[0]) -> None:
    """Sends the log to stderr; for the command line, so that importing changes nobody's logging. form: of FORMATS."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form == "json" else _Text())
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"time={_time(record)} level={record.levelname} {record.getMessage()}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {name: _shortened(value) for name, value in getattr(record, "fields", {}).items()}
        return json.dumps({"time": _time(record), "level": record.levelname, "event": record.name_of_event, **fields})  # type: ignore[attr-defined]  # _say puts it there


def _time(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def _say(level: int, name: str, fields: dict[str, Any]) -> None:
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, _line(name, fields), extra={"name_of_event": name, "fields": fields})


def _shortened(value: Any) -> Any:
    """Numbers stay numbers; everything else is a text of bounded length."""
    if value is None or type(value) in (int, float, bool):
        return value
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def _line(name: str, fields: dict[str, Any]) -> str:
    return " ".join([f"event={name}", *(f"{key}={_value(value)}" for key, value in fields.items())])


def _value(value: Any) -> str:
    """A value as it is, or quoted with its line ends escaped: what a stranger sends cannot forge a line."""
    text = str(_shortened(value))
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
