"""The command line: aircue-gateway run | status | deadletter --config FILE."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aircue_gateway import daemon, log, report
from aircue_gateway.config import Config, ConfigError, load
from aircue_gateway.spool import SpoolError

_DEFAULT_CONFIG = Path("/etc/aircue/gateway.toml")


def main(argv: Sequence[str] | None = None) -> int:
    """0, or 1 where the gateway cannot run, or 2 where its configuration is wrong."""
    options = _parser().parse_args(argv)
    command: Callable[[Config], None] = options.command
    try:
        command(load(options.config))
    except ConfigError as error:
        return _failed(error, 2)
    except (SpoolError, OSError) as error:
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
    for name, command, summary in _COMMANDS:
        one = commands.add_parser(name, help=summary, description=summary)
        one.add_argument("--config", type=Path, default=_DEFAULT_CONFIG, help=f"default: {_DEFAULT_CONFIG}")
        one.set_defaults(command=command)
    return parser


def _run(config: Config) -> None:
    log.to_stderr()
    asyncio.run(daemon.run(config))


def _status(config: Config) -> None:
    print(json.dumps({"gateway": config.name, **report.status(config.data_dir)}, indent=2))


def _deadletter(config: Config) -> None:
    for letter in report.dead_letters(config.data_dir):
        print(json.dumps(letter))


_COMMANDS = (
    ("run", _run, "run the gateway"),
    ("status", _status, "print the counters and what waits, as JSON"),
    ("deadletter", _deadletter, "print the messages that were set aside, one JSON object a line"),
)
