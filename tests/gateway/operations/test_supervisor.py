"""What systemd is told, on a real socket."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from aircue_gateway.operations.supervisor import Supervisor


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(10)
        yield line


def supervisor(line: socket.socket, patience_us: int = 0) -> Supervisor:
    return Supervisor({"NOTIFY_SOCKET": line.getsockname(), "WATCHDOG_USEC": str(patience_us)})


def heard(line: socket.socket) -> str:
    return line.recv(1000).decode()


def ran_until(watching: Coroutine[Any, Any, None], holds: Callable[[], bool]) -> None:
    async def play() -> None:
        task = asyncio.create_task(watching)
        while not holds():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(play(), 10))


def test_it_says_when_the_gateway_is_up_and_when_it_stops(systemd: socket.socket) -> None:
    told = supervisor(systemd)
    told.ready("gw-1 listens on port 1883")
    told.stopping()
    assert [heard(systemd), heard(systemd)] == ["READY=1\nSTATUS=gw-1 listens on port 1883", "STOPPING=1"]


def test_a_reload_carries_the_time_that_systemd_wants_with_it(systemd: socket.socket) -> None:
    supervisor(systemd).reloading()
    assert heard(systemd).startswith("RELOADING=1\nMONOTONIC_USEC=")


def test_there_are_signs_of_life_while_the_pipeline_moves(systemd: socket.socket) -> None:
    asked = []
    ran_until(supervisor(systemd, 30_000).watch(lambda: float(bool(asked.append(1)))), lambda: len(asked) >= 3)
    assert [heard(systemd) for _ in range(3)] == ["WATCHDOG=1"] * 3


def test_there_are_none_while_a_write_is_stuck(systemd: socket.socket) -> None:
    asked = []
    ran_until(supervisor(systemd, 30_000).watch(lambda: float(bool(asked.append(1)) + 1)), lambda: len(asked) >= 3)
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        heard(systemd)


def test_without_systemd_nothing_is_told_and_nothing_runs() -> None:
    told = Supervisor({})
    told.ready("x")
    asyncio.run(asyncio.wait_for(told.watch(lambda: 0.0), 10))


def test_a_supervisor_that_is_deaf_does_not_stop_the_gateway(tmp_path: Path) -> None:
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("x")
