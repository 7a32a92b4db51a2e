"""The command line: aircue-gateway run | status | deadletter | command --config FILE."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aircue_gateway import control, daemon, log, report
from aircue_gateway.commands import CommandRefused, Order
from aircue_gateway.config import Config, ConfigError, load
from aircue_gateway.control import NotRunning
from aircue_gateway.spool import SpoolError

Act = Callable[[Config, argparse.Namespace], None]

_DEFAULT_CONFIG = Path("/etc/aircue/gateway.toml")


def main(argv: Sequence[str] | None = None) -> int:
    """0, or 1 where the gateway cannot run, or 2 where its configuration is wrong."""
    options = _parser().parse_args(argv)
    act: Act = options.act
    try:
        act(load(options.config), options)
    except ConfigError as error:
        return _failed(error, 2)
    except (SpoolError, NotRunning, CommandRefused, OSError) as error:
        return _failed(error, 1)
    return 0


def _failed(error: Exception, code: int) -> int:
    print(f"aircue-gateway: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aircue-gateway", description="Readings from the nodes of a home to the cloud."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, act, summary in _COMMANDS:
        _add(commands, name, act, summary)
    command = _add(commands, "command", _command, "have a node do something: interval, deadband, identify, restart ...")
    command.add_argument("node", metavar="NODE", help="its id")
    command.add_argument("name", metavar="NAME", help="of the command, see docs/firmware.md")
    command.add_argument("args", metavar="KEY=VALUE", nargs="*", type=_argument, help="of the command, as ms=5000")
    command.add_argument("--wait", type=float, default=20.0, metavar="S", help="for the node to answer (default: 20)")
    return parser


def _add(commands: Any, name: str, act: Act, summary: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    one.add_argument("--config", type=Path, default=_DEFAULT_CONFIG, help=f"default: {_DEFAULT_CONFIG}")
    one.set_defaults(act=act)
    return one


def _argument(text: str) -> tuple[str, Any]:
    """ms=5000 is a number; what is no JSON is a text."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _run(config: Config, _: argparse.Namespace) -> None:
    log.to_stderr()
    asyncio.run(daemon.run(config))


def _status(config: Config, _: argparse.Namespace) -> None:
    print(json.dumps(_status_of(config), indent=2))


def _status_of(config: Config) -> dict[str, Any]:
    return {
        "gateway": config.name,
        "state": control.spool_state(config.data_dir),
        **report.status(config.data_dir),
    }


def _deadletter(config: Config, _: argparse.Namespace) -> None:
    for letter in report.dead_letters(config.data_dir):
        print(json.dumps(letter))


def _command(config: Config, options: argparse.Namespace) -> None:
    order = Order(node=options.node, command=options.name, args=dict(options.args), wait_s=options.wait)
    refusal = control.ask(config.data_dir, order)
    if refusal is not None:
        raise CommandRefused(refusal)
    print(f"{order.node}: {order.command} done")


_COMMANDS = (
    ("run", _run, "run the gateway"),
    ("status", _status, "print the counters and what waits, as JSON"),
    ("deadletter", _deadletter, "print the messages that were set aside, one JSON object a line"),
)
