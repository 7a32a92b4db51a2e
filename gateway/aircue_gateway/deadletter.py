"""aircue-gateway deadletter list | replay: the messages that were set aside, and taking them in again."""

import argparse
import json
from typing import Any

from aircue_gateway import control, report
from aircue_gateway.config import Config
from aircue_gateway.control import NotRunning, Refused
from aircue_gateway.replays import fields_of
from aircue_gateway.window import DeadLetter

SUMMARY = "print the messages that were set aside, one JSON object a line, or have the gateway take them in again"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("list", "replay"), default="list", help="default: list")
    parser.add_argument("--id", type=int, metavar="N", help="this one alone")


def act(config: Config, options: argparse.Namespace) -> None:
    letters = report.dead_letters(config.data_dir)
    if options.id is not None:
        letters = [letter for letter in letters if letter["id"] == options.id]
    done = _replayed(config)
    for letter in letters:
        if options.what == "list":
            print(json.dumps({**letter, "replayed": letter["id"] in done}))
        elif letter["id"] not in done or options.id is not None:
            _replay(config, letter)


def _replayed(config: Config) -> list[int]:
    """Known to the running gateway alone."""
    try:
        found: list[int] = control.ask(config.data_dir, "replayed")["replayed"]
    except NotRunning:
        return []
    return found


def _replay(config: Config, letter: dict[str, Any]) -> None:
    """One line a letter; what is refused stays where it is."""
    payload = letter["payload"].encode() if "payload" in letter else bytes.fromhex(letter["payload_hex"])
    fields = {name: letter[name] for name in ("received_at_ms", "topic", "reason")}
    refusal = None
    try:
        control.ask(config.data_dir, "replay", id=letter["id"], letter=fields_of(DeadLetter(payload=payload, **fields)))
    except Refused as error:
        refusal = str(error)
    print(json.dumps({"id": letter["id"], "topic": letter["topic"], "replayed": refusal is None, "refusal": refusal}))
