"""What a changed configuration asks of a running gateway. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

from aircue_gateway.config import Config

_AT_ONCE = ("file", "nodes", "watchers", "uplink", "cleaning")


@dataclass(frozen=True, kw_only=True)
class Changes:
    """accounts: ids of nodes and names of watchers that are gone, or have another key or site, whose connections must
    end. needs_restart: the parts of the configuration that stay as they were until the gateway is started anew."""

    accounts: tuple[str, ...]
    needs_restart: tuple[str, ...]


def changes(old: Config, new: Config) -> Changes:
    nodes = tuple(sorted(_changed(old.nodes, new.nodes)))
    watchers = tuple(sorted(_changed(old.watchers, new.watchers)))
    return Changes(accounts=nodes + watchers, needs_restart=tuple(_fixed(old, new, nodes)))


def in_force(old: Config, new: Config) -> Config:
    """The old configuration with what changes at once."""
    listener = replace(old.listener, commit_window_ms=new.listener.commit_window_ms)
    return replace(
        old, nodes=new.nodes, watchers=new.watchers, uplink=new.uplink, cleaning=new.cleaning, listener=listener
    )


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for name, account in old.items():
        if new.get(name) != account:
            yield name


def _fixed(old: Config, new: Config, nodes: tuple[str, ...]) -> Iterator[str]:
    now = in_force(old, new)
    for name in (field.name for field in fields(Config) if field.name not in _AT_ONCE):
        if getattr(now, name) != getattr(new, name) or (name == "serial" and _on_cable(old, nodes)):
            yield name


def _on_cable(config: Config, nodes: tuple[str, ...]) -> bool:
    """A cable's node is known by the cable alone."""
    return any(row.node in nodes for row in config.serial)
