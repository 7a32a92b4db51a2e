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
    text = _FILE.format(name=name, url=_quoted(url), key=_quoted(key), data_dir=_quoted(data_dir))
    if file.exists():
        raise ConfigError(f"{file} exists: edit it, or name another with --config")
    file.parent.mkdir(parents=True, exist_ok=True)
    return _written(file, text)


def add_node(config: Config, ident: str, site: str) -> Node:
    """Appends a node with a key drawn for it. ConfigError where the id is taken or no id."""
    key = secrets.token_urlsafe(_KEY_BYTES)
    text = config.file.read_text(encoding="utf-8").rstrip("\n") + "\n"
    block = _NODE.format(id=_quoted(ident), site=_quoted(site), key=key)
    return _written(config.file, text + block).nodes[ident]


def gateway_address() -> str:
    """The name by which nodes in the home's network find this machine."""
    return f"{socket.gethostname()}.local"


def _quoted(text: str) -> str:
    """For between the quotes of a TOML string."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _written(file: Path, text: str) -> Config:
    """Checked, then put in the file's place at once, so that a running gateway never reads half of it."""
    fresh = file.with_name(file.name + ".new")
    try:
        owner = file.stat() if file.exists() else None
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        load(fresh)
        if owner is not None:
            fresh.chmod(owner.st_mode & 0o777)
            os.chown(fresh, owner.st_uid, owner.st_gid)
        fresh.replace(file)
    except ConfigError as error:
        fresh.unlink(missing_ok=True)
        raise ConfigError(str(error).replace(str(fresh), str(file))) from error
    return load(file)
