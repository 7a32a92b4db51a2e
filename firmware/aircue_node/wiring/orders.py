"""What a command can do to a node that is always on. In memory only while one is answered."""

from aircue_node.actions import Identify, Tuning, bare
from aircue_node.commands import Commands, LastNumber
from aircue_node.unload import unload
from aircue_node.wiring import hardware

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from aircue_node.update import Updater
    from aircue_node.wiring.program import Node


def answer(node: "Node", payload: bytes) -> bytes:
    key, last = node.config.key.encode(), LastNumber(node.installation)
    return Commands(key, node.installation, _actions(node), last).answer(payload)


def _actions(node: "Node") -> "dict[str, Callable[[dict[str, Any]], str | None]]":
    tuning = Tuning(node.sampler, hardware.change_settings)
    return {
        "interval": tuning.interval,
        "deadband": tuning.deadband,
        "identify": Identify(node.led, node.config.node, node.shown).command,
        "restart": bare("restart", node.restart_soon),
        "wipe": bare("wipe", node.wipe),
        "update": lambda args: _update(node, args),
    }


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
