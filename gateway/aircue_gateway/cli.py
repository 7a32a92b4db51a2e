"""The command line: aircue-gateway init | run | status | doctor | top | ... --config FILE."""

import argparse
import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aircue_gateway import control, daemon, deadletter, log, report
from aircue_gateway.clock import believed
from aircue_gateway.config import Config, ConfigError, load
from aircue_gateway.control import NotRunning, Refused
from aircue_gateway.spool.spool import SpoolError

Act = Callable[[argparse.Namespace], int | None]

_DEFAULT_CONFIG = Path("/etc/aircue/gateway.toml")
_DEFAULT_DATA_DIR = "/var/lib/aircue"


def main(argv: Sequence[str] | None = None) -> int:
    """0, or 1 where the gateway cannot do it, or 2 where its configuration is wrong."""
    argv = sys.argv[1:] if argv is None else argv
    options = _parser(daemon_alone=argv[:1] == ["run"]).parse_args(argv)
    if "main" in options:
        return int(options.main(options))
    act: Act = options.act
    try:
        return act(options) or 0
    except ConfigError as error:
        return _failed(error, 2)
    except (SpoolError, NotRunning, Refused, OSError) as error:
        return _failed(error, 1)


def _failed(error: Exception, code: int) -> int:
    print(f"aircue-gateway: {error}", file=sys.stderr)
    return code


def _parser(daemon_alone: bool) -> argparse.ArgumentParser:
    """daemon_alone: the daemon is to run, for months, in little memory: it loads nothing of the other commands."""
    parser = argparse.ArgumentParser(
        prog="aircue-gateway", description="Readings from the nodes of a home to the cloud."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = _add(commands, "run", _run, "run the gateway")
    run.add_argument("--log", choices=log.FORMATS, default=log.FORMATS[0], help=f"default: {log.FORMATS[0]}")
    if daemon_alone:
        return parser
    for name, act, summary in _COMMANDS:
        _add(commands, name, act, summary)
    deadletter.add(_add(commands, "deadletter", _deadletter, deadletter.SUMMARY))
    _add_command(commands)
    _add_setting_up(commands)
    top = _add(commands, "top", _top, "watch the running gateway on this terminal")
    top.add_argument("--every", type=float, default=1.0, metavar="S", help="seconds between pictures (default: 1)")
    top.add_argument("--once", action="store_true", help="print one picture and end")
    _add_offline(commands)
    return parser


def _add_offline(commands: Any) -> None:
    """Commands that need no running gateway: each module adds its own and says its exit status."""
    from aircue_gateway.offline import clean, rules_test

    clean.add(commands)
    rules_test.add(commands)


def _add(commands: Any, name: str, act: Act, summary: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    one.add_argument("--config", type=Path, default=_DEFAULT_CONFIG, help=f"default: {_DEFAULT_CONFIG}")
    one.set_defaults(act=act)
    return one


def _add_command(commands: Any) -> None:
    command = _add(commands, "command", _command, "have a node do something: interval, deadband, identify, restart ...")
    command.add_argument("node", metavar="NODE", help="its id")
    command.add_argument("name", metavar="NAME", help="of the command, see docs/firmware.md")
    command.add_argument("args", metavar="KEY=VALUE", nargs="*", type=_argument, help="of the command, as ms=5000")
    command.add_argument("--wait", type=float, default=20.0, metavar="S", help="for the node to answer (default: 20)")


def _add_setting_up(commands: Any) -> None:
    init = _add(commands, "init", _init, "write a configuration file")
    init.add_argument(
        "--name", default=socket.gethostname().partition(".")[0], help="of this gateway (default: this machine's name)"
    )
    init.add_argument("--cloud", metavar="URL", help="the cloud's address, as https://cloud.example")
    init.add_argument("--key", help="the key the cloud gave this gateway; without it, it is asked for")
    init.add_argument(
        "--data-dir", default=_DEFAULT_DATA_DIR, help=f"the spool's folder (default: {_DEFAULT_DATA_DIR})"
    )
    enrol = _add(commands, "enrol", _enrol, "get this gateway's key for a one-time code of the cloud")
    enrol.add_argument("code", metavar="CODE", help="as the cloud prints it: aircue-cloud gateway enrol NAME")
    enrol.add_argument("--cloud", metavar="URL", help="the cloud's address (default: the configuration's)")
    enrol.add_argument(
        "--ca", type=Path, metavar="FILE", help="of the cloud's certificate, where it has a CA of its own"
    )
    enrol.add_argument("--data-dir", default=_DEFAULT_DATA_DIR, help="the spool's folder, for a new configuration")
    nodes = commands.add_parser("node", help="add a node to the configuration").add_subparsers(required=True)
    add = _add(nodes, "add", _add_node, "draw a key for a node and put both into the configuration")
    add.add_argument("id", metavar="NODE", help="its name: letters, digits, - or _")
    add.add_argument("--site", required=True, help="the home it stands in")


def _argument(text: str) -> tuple[str, Any]:
    """ms=5000 is a number; what is no JSON is a text."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _run(options: argparse.Namespace) -> None:
    log.to_stderr(options.log)
    asyncio.run(daemon.run(load(options.config)))


def _status(options: argparse.Namespace) -> None:
    print(json.dumps(_status_of(load(options.config)), indent=2))


def _status_of(config: Config) -> dict[str, Any]:
    """What the spool knows, and what the gateway alone does, if it runs."""
    stored = report.status(config.data_dir)
    running = _asked_of_daemon(config, "intakes")
    state = _asked_of_daemon(config, "state") or {"name": "stopped"}
    clock = "ok" if believed(int(time.time())) else "not believed: see aircue-gateway doctor"
    return {"gateway": config.name, "state": state, "clock": clock, **stored, "running": running}


def _asked_of_daemon(config: Config, what: str) -> dict[str, Any] | None:
    """None where no gateway runs."""
    try:
        found: dict[str, Any] = control.ask(config.data_dir, what)[what]
    except NotRunning:
        return None
    return found


def _deadletter(options: argparse.Namespace) -> None:
    deadletter.act(load(options.config), options)


def _command(options: argparse.Namespace) -> None:
    order = {"node": options.node, "command": options.name, "args": dict(options.args), "wait_s": options.wait}
    control.ask(load(options.config).data_dir, "command", within_s=options.wait, **order)
    print(f"{options.node}: {options.name} done")


def _reload(options: argparse.Namespace) -> None:
    waiting = control.ask(load(options.config).data_dir, "reload")["needs_restart"]
    print("reloaded" + (f"; these wait for a restart: {', '.join(waiting)}" if waiting else ""))


def _init(options: argparse.Namespace) -> None:
    url = options.cloud or _asked("the cloud's address (https://...): ", "--cloud URL", input)
    import getpass

    key = options.key or _asked("the key the cloud gave this gateway: ", "--key KEY", getpass.getpass)
    from aircue_gateway.operations import setting_up

    config = setting_up.init(options.config, name=options.name, url=url, key=key, data_dir=options.data_dir)
    print(f"{config.file} written. Next: aircue-gateway node add NAME --site SITE, then aircue-gateway doctor")


def _enrol(options: argparse.Namespace) -> int:
    from aircue_gateway.operations import enrolling

    fields = {"url": options.cloud or "", "ca": options.ca, "data_dir": options.data_dir}
    try:
        done = enrolling.enrol(options.config, options.code, **fields)
    except enrolling.EnrolmentError as error:
        return _failed(error, 1)
    if done.renamed:
        print(f"the cloud calls this gateway {done.config.name}, not {done.renamed}: its name was changed, too")
    print(f"the key is in {done.config.file}. A gateway that runs learns of it with: aircue-gateway reload"
          + (" (and of its new name after a restart)" if done.renamed else ""))  # fmt: skip
    return 0


def _asked(question: str, option: str, ask: Callable[[str], str]) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"{option} is missing, and there is nobody at this terminal to ask")
    return ask(question).strip()


def _add_node(options: argparse.Namespace) -> None:
    config = load(options.config)
    from aircue_gateway.operations import setting_up

    node = setting_up.add_node(config, options.id, options.site)
    print(f"put this into the node's settings, where its page asks for it:\n"
          f"  gateway  {setting_up.gateway_address()}:{config.listener.port}\n"
          f"  site     {node.site}\n  node     {node.id}\n  key      {node.key}\n"
          "A gateway that runs learns of it with: aircue-gateway reload")  # fmt: skip


def _doctor(options: argparse.Namespace) -> int:
    from aircue_gateway.operations import doctor

    findings = list(doctor.examine(load(options.config)))
    for finding in findings:
        print(f"{finding.level:<8} {finding.what}" + (f"\n         -> {finding.remedy}" if finding.remedy else ""))
    return int(any(finding.level is doctor.Level.FAILURE for finding in findings))


def _top(options: argparse.Namespace) -> None:
    from aircue_gateway.operations import top

    top.run(load(options.config), options.every, options.once)


_COMMANDS: tuple[tuple[str, Act, str], ...] = (
    ("status", _status, "print the counters and what waits, as JSON"),
    ("doctor", _doctor, "look for what keeps this gateway from its work, and say what to do"),
    ("reload", _reload, "have the running gateway read its configuration again"),
)
