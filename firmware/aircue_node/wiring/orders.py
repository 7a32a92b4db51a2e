"""What a command can do to a node that is always on. In memory only while one is answered."""

from aircue_node.commands import Commands, LastNumber
from aircue_node.unload import unload
from aircue_node.wiring import hardware

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from aircue_node.tuning import Tuning
    from aircue_node.update import Updater
    from aircue_node.wiring.program import Node


def answer(node: "Node", payload: bytes) -> bytes:
    key, last = node.config.key.encode(), LastNumber(node.installation)
    return Commands(key, node.installation, _actions(node), last).answer(payload)


def _actions(node: "Node") -> "dict[str, Callable[[dict[str, Any]], str | None]]":
    return {
        "interval": lambda args: _tuning(node).interval(args),
        "deadband": lambda args: _tuning(node).deadband(args),
        "identify": lambda args: _identify(node, args),
        "restart": lambda args: _bare("restart", node.restart_soon, args),
        "wipe": lambda args: _bare("wipe", node.wipe, args),
        "update": lambda args: _update(node, args),
    }


def _tuning(node: "Node") -> "Tuning":
    from aircue_node.tuning import Tuning

    return Tuning(node.sampler, hardware.change_settings)


def _identify(node: "Node", args: "dict[str, Any]") -> str | None:
    from aircue_node.identify import Identify

    return Identify(node.led, node.config.node, node.shown).command(args)


def _bare(command: str, act: "Callable[[], object]", args: "dict[str, Any]") -> str | None:
    if args:
        return f"{command}: takes no arguments"
    act()
    return None


def _update(node: "Node", args: "dict[str, Any]") -> str | None:
    """Its modules are loaded with the first one, and go again when it was in vain."""
    try:
        if node.updater is None:
            node.updater = _updater(node)
        return node.updater.command(args)
    except MemoryError:
        return "update: there is no memory for it now: restart the node, then send it again"


def _updater(node: "Node") -> "Updater":
    from aircue_node.update import Updater

    def ended(text: str, taken: bool) -> None:
        """After one that was taken the node restarts."""
        if taken:
            return
        node.updater = None
        unload("aircue_node.update", "aircue_node.http_get")
        node.report.refuse(text)

    config = node.config
    return Updater(config.node, config.key.encode(), node.slots, ended, node.restart_soon, config.journal_bytes)
