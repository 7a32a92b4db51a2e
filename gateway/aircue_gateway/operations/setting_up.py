"""`aircue-gateway init` and `node add`: the configuration file written, and a node with a fresh key put into it."""

import os
import secrets
import socket
from pathlib import Path

from aircue_gateway.config import Config, ConfigError, Node, load

_KEY_BYTES = 18

_FILE = """\
# An Aircue gateway. Every key, with its default: docs/gateway.md

name = "{name}"                # names this gateway in the ids of its batches
data_dir = "{data_dir}"        # the spool's folder

[uplink]
url = "{url}"
key = "{key}"

[listener]
host = "0.0.0.0"               # nodes come from the home's network
port = 1883

# Nodes: aircue-gateway node add NAME --site SITE
"""
_NODE = """
[[nodes]]
id = "{id}"
site = "{site}"
key = "{key}"
"""


def init(file: Path, *, name: str, url: str, key: str, data_dir: str) -> Config:
    """Writes a configuration that only its owner may read. ConfigError where there is one, or a value does not fit."""
    if file.exists():
        raise ConfigError(f"{file} exists: edit it, or name another with --config")
    return written(file, text_of(name, url, key, data_dir))


def text_of(name: str, url: str, key: str, data_dir: str) -> str:
    """A configuration with what cannot be left out."""
    return _FILE.format(name=name, url=quoted(url), key=quoted(key), data_dir=quoted(data_dir))


def add_node(config: Config, ident: str, site: str) -> Node:
    """Appends a node with a key drawn for it. ConfigError where the id is taken or no id."""
    key = secrets.token_urlsafe(_KEY_BYTES)
    text = config.file.read_text(encoding="utf-8").rstrip("\n") + "\n"
    block = _NODE.format(id=quoted(ident), site=quoted(site), key=key)
    return written(config.file, text + block).nodes[ident]


def gateway_address() -> str:
    """The name by which nodes in the home's network find this machine."""
    return f"{socket.gethostname()}.local"


def quoted(text: str) -> str:
    """For between the quotes of a TOML string."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def check(file: Path, text: str) -> None:
    """ConfigError where this is no configuration; OSError where it could not be written."""
    fresh = _fresh(file, text)
    try:
        _checked(file, fresh)
    finally:
        fresh.unlink(missing_ok=True)


def written(file: Path, text: str) -> Config:
    """Checked, then put in the file's place at once, so that a running gateway never reads half of it. Others than its
    owner and group may never read it: it has keys in it."""
    fresh = _fresh(file, text)
    try:
        _checked(file, fresh)
        if file.exists():
            owner = file.stat()
            fresh.chmod(owner.st_mode & 0o770)
            os.chown(fresh, owner.st_uid, owner.st_gid)
        fresh.replace(file)
    except (ConfigError, OSError):
        fresh.unlink(missing_ok=True)
        raise
    return load(file)


def _fresh(file: Path, text: str) -> Path:
    """A file beside it with this text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    return fresh


def _checked(file: Path, fresh: Path) -> None:
    try:
        load(fresh)
    except ConfigError as error:
        raise ConfigError(str(error).replace(str(fresh), str(file))) from error
