"""`aircue-gateway doctor`: what keeps a gateway from doing its work, each finding with its remedy.

A check yields findings and never raises for what it looks at. Nothing is changed, but for a file that is written to
time the disk and taken away again.
"""

import errno
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from aircue_gateway import control
from aircue_gateway.clock import FIRST_BELIEVED_S, LAST_BELIEVED_S
from aircue_gateway.config import Config, ConfigError
from aircue_gateway.uplink.http import TryAgain, problem
from aircue_gateway.uplink.ways import way_to_cloud

_LEAST_FREE_MB = 200
_SYNCS = 10
_SLOW_SYNC_S = 0.5


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


class Finding(NamedTuple):
    """remedy: empty where all is well."""

    level: Level
    what: str
    remedy: str = ""


Check = Callable[[Config], Iterator[Finding]]


def examine(config: Config) -> Iterator[Finding]:
    """Every finding, in the order in which a gateway needs the things."""
    for check in CHECKS:
        yield from check(config)


def _configuration(config: Config) -> Iterator[Finding]:
    yield Finding(Level.OK, f"{config.file} is valid; {len(config.nodes)} nodes")
    mode = stat.S_IMODE(config.file.stat().st_mode)
    if mode & stat.S_IROTH:
        remedy = f"chmod o-rwx {config.file}"
        yield Finding(Level.WARNING, f"{config.file} holds keys and everybody on this machine can read it", remedy)
    if not config.nodes:
        yield Finding(Level.WARNING, "no node may connect", "aircue-gateway node add NAME --site SITE")


def _clock(_: Config) -> Iterator[Finding]:
    now = time.time()
    if not FIRST_BELIEVED_S <= now <= LAST_BELIEVED_S:
        what = f"this machine's clock says {time.strftime('%Y-%m-%d', time.gmtime(now))}"
        yield Finding(
            Level.FAILURE, what, "set the time, and see that timedatectl says: System clock synchronized: yes"
        )
    elif Path("/run/systemd/timesync").exists() and not Path("/run/systemd/timesync/synchronized").exists():
        yield Finding(
            Level.WARNING, "the clock is not synchronised", "let the machine reach a time server; timedatectl"
        )
    else:
        yield Finding(Level.OK, "the clock is plausible")


def _disk(config: Config) -> Iterator[Finding]:
    folder = config.data_dir
    if not folder.is_dir():
        yield Finding(Level.WARNING, f"{folder} does not exist yet", "the first start makes it, where it may")
        return
    space = os.statvfs(folder)
    free_mb = space.f_bavail * space.f_frsize / 1e6
    if free_mb < _LEAST_FREE_MB:
        yield Finding(Level.WARNING, f"{free_mb:.0f} MB are free in {folder}", "make room: outages are kept there")
    else:
        yield Finding(Level.OK, f"{free_mb:,.0f} MB are free in {folder}")
    yield _syncing(folder)


def _syncing(folder: Path) -> Finding:
    """How long the disk takes to say that a block is safe."""
    probe = folder / "doctor.probe"
    try:
        slowest_s = _slowest_sync_s(probe)
    except OSError as error:
        remedy = _WRITE_REMEDIES.get(error.errno or 0, "look at dmesg: the disk may be failing")
        return Finding(Level.FAILURE, f"{folder} cannot be written: {error.strerror}", remedy)
    finally:
        probe.unlink(missing_ok=True)
    text = f"the disk takes a block in {slowest_s * 1000:.1f} ms (slowest of {_SYNCS})"
    if slowest_s > _SLOW_SYNC_S:
        return Finding(Level.WARNING, text, "a worn or slow SD card: acks come late, and it may fail soon")
    return Finding(Level.OK, text)


def _slowest_sync_s(probe: Path) -> float:
    slowest = 0.0
    with probe.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            slowest = max(slowest, time.perf_counter() - began)
    return slowest


_WRITE_REMEDIES = {
    errno.EACCES: "run doctor as the gateway's user (sudo -u aircue), or give it the folder with chown",
    errno.EROFS: "the file system is read-only: look at dmesg, the SD card may be failing",
    errno.ENOSPC: "the disk is full: make room",
}


def _daemon(config: Config) -> Iterator[Finding]:
    try:
        snapshot = control.ask(config.data_dir, "snapshot")["snapshot"]
    except (control.NotRunning, control.Refused) as error:
        yield Finding(
            Level.WARNING, str(error), "systemctl start aircue-gateway; journalctl -u aircue-gateway says more"
        )
        yield from _ports(config)
        return
    yield Finding(Level.OK, f"the gateway runs since {snapshot['uptime_s'] / 3600:.1f} h")
    for node in snapshot["nodes"]:
        if node["received_at_ms"] is None:
            remedy = "has it power, the Wi-Fi's password, this gateway's address and the key?"
            yield Finding(Level.WARNING, f"nothing was ever heard of node {node['node']}", remedy)


def _ports(config: Config) -> Iterator[Finding]:
    listener = config.listener
    if not listener.plain:
        return
    try:
        socket.create_server((listener.host, listener.port)).close()
        yield Finding(Level.OK, f"port {listener.port} is free")
    except OSError as error:
        remedy = f"stop what listens there, or set another port under [listener] in {config.file}"
        yield Finding(Level.FAILURE, f"cannot listen on {listener.host}:{listener.port}: {error.strerror}", remedy)


def _serial(config: Config) -> Iterator[Finding]:
    for row in config.serial:
        if not row.path.exists():
            yield Finding(
                Level.WARNING, f"{row.path} of node {row.node} is not there", "plug the board in; ls /dev/tty*"
            )
        elif not os.access(row.path, os.R_OK | os.W_OK):
            yield Finding(Level.FAILURE, f"{row.path} may not be used", "usermod -aG dialout aircue, then restart")


def _cloud(config: Config) -> Iterator[Finding]:
    where = config.uplink.url or config.uplink.broker
    try:
        way = way_to_cloud(config)
    except ConfigError as error:
        yield Finding(Level.FAILURE, str(error), "mend what it names")
        return
    try:
        answer = way.get_rules()
    except TryAgain as error:
        yield Finding(Level.FAILURE, error.reason, error.remedy)
        return
    finally:
        way.close()
    if answer.status == 200:
        yield Finding(Level.OK, f"{where} takes this gateway's key")
    else:
        remedy = "put the key the cloud gave this gateway under [uplink]"
        yield Finding(Level.FAILURE, f"{where}: {answer.status} {problem(answer)}", remedy)


CHECKS: tuple[Check, ...] = (_configuration, _clock, _disk, _daemon, _serial, _cloud)
