"""`aircue-gateway enrol CODE`: a one-time code of the cloud becomes this gateway's key; none is carried by hand.

A code works once. So everything that could fail here is tried before the code is used: the configuration is written in
thought, with a key that stands in for the real one.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from aircue_gateway.config import Config, ConfigError, load
from aircue_gateway.operations import setting_up
from aircue_gateway.uplink import http

_PATH = "/api/v1/enrolments"
_STAND_IN = "a-key-that-is-still-to-come"
_KEY_LINE = r'^[ \t]*{}[ \t]*=[ \t]*(?:"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')[ \t]*(?P<rest>#.*)?$'


class EnrolmentError(Exception):
    """No key was got; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Enrolled:
    """renamed: what the configuration called this gateway before, "" where the cloud calls it the same."""

    config: Config
    renamed: str


def enrol(file: Path, code: str, *, url: str = "", ca: Path | None = None, data_dir: str) -> Enrolled:
    """Gets the key and puts it into the configuration, which is made where there is none. url and ca: those of the
    configuration, if not given. ConfigError where the configuration cannot take a key, EnrolmentError where the cloud
    gives none."""
    known = load(file) if file.exists() else None
    url, ca = _address(file, known, url, ca)
    text = file.read_text(encoding="utf-8") if known else setting_up.text_of("gw", url, _STAND_IN, data_dir)
    setting_up.check(file, _with(file, text, {"key": _STAND_IN, "url": url}, "gw"))
    name, key = _asked(url, ca, code)
    try:
        config = setting_up.written(file, _with(file, text, {"key": key, "url": url}, name))
    except OSError as error:
        remedy = f"the code is used up. Put name = '{name}' and under [uplink] key = '{key}' into {file} yourself"
        raise EnrolmentError(f"{file}: {error.strerror}: {remedy}") from error
    return Enrolled(config=config, renamed=known.name if known and known.name != name else "")


def _address(file: Path, known: Config | None, url: str, ca: Path | None) -> tuple[str, Path | None]:
    found = url or (known.uplink.url if known else "")
    if not found:
        raise ConfigError(f"--cloud URL is missing, and {file} does not name the cloud")
    return found.rstrip("/"), ca or (known.uplink.ca if known else None)


def _with(file: Path, text: str, uplink: dict[str, str], name: str) -> str:
    """The text of a configuration with these values under [uplink], and this name at its top."""
    head = re.search(r"^[ \t]*\[[ \t]*uplink[ \t]*\][ \t]*(?:#.*)?$", text, re.MULTILINE)
    if head is None:
        raise ConfigError(f"{file}: no line [uplink] to put a key under: write the table that way")
    end = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, head.end())
    stop = len(text) if end is None else end.start()
    section = text[head.end() : stop]
    for key, value in uplink.items():
        section = _set(section, key, value)
    top = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    assert top is not None
    whole = text[: head.end()] + section + text[stop:]
    return _set(whole[: top.start()], "name", name) + whole[top.start() :]


def _set(section: str, key: str, value: str) -> str:
    """The lines with this key's value in place of the one it had, or before all others."""
    line = f'{key} = "{setting_up.quoted(value)}"'
    pattern = re.compile(_KEY_LINE.format(key), re.MULTILINE)
    if pattern.search(section) is None:
        return f"\n{line}{section}" if section.startswith("\n") else f"{line}\n{section}"
    return pattern.sub(lambda found: line + ("  " + found["rest"] if found["rest"] else ""), section, count=1)


def _asked(url: str, ca: Path | None, code: str) -> tuple[str, str]:
    """Name and key."""
    pool = http.pool(url, ca)
    body = json.dumps({"code": code}).encode()
    try:
        answer = http.request(pool, "POST", url + _PATH, body, {"Content-Type": "application/json"}, 0.0)
    except http.TryAgain as error:
        raise EnrolmentError(f"{error.reason}: is {url} the cloud, and up? The code was not used") from error
    finally:
        pool.clear()
    if answer.status != 201:
        raise EnrolmentError(f"{url}: {answer.status} {http.problem(answer)}")
    return _granted(url, http.fields_of(answer.body))


def _granted(url: str, fields: dict[str, object]) -> tuple[str, str]:
    kind, name, key = (fields.get(one) for one in ("kind", "name", "key"))
    if not (isinstance(name, str) and isinstance(key, str)):
        raise EnrolmentError(f"{url}: 201 from something that is no Aircue cloud: check --cloud")
    if kind != "gateway":
        raise EnrolmentError(
            f"this was the code of {kind} {name}, and is used up: make one for this gateway, and another one for that, "
            f"with: aircue-cloud gateway enrol NAME, aircue-cloud {kind} enrol {name}"
        )
    return name, key
