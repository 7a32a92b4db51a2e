"""Joining the Wi-Fi: what each port's radio says, what is made of it, and when it is switched off and on."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.node.virtual import play

from aircue_node.escalation import ABSENT, UNJOINED
from aircue_node.wifi import NotJoined, Wifi

ESP32_CONNECTING, CYW43_JOINING, CYW43_NO_IP = 1001, 1, 2


class Radio:
    """A radio whose status after n polls is told; statuses are those of a port. The last one stays."""

    def __init__(self, *statuses: int, joined_at: int = 3) -> None:
        self.calls: list[tuple[float, str]] = []
        self.options: dict[str, int] = {}
        self.broken = ""
        self.knows = ("pm", "reconnects")
        self._statuses = list(statuses)
        self._got_ip = joined_at
        self.status_now = 0

    def _call(self, name: str) -> None:
        self.calls.append((asyncio.get_running_loop().time(), name))
        if self.broken == name:
            raise OSError("Wifi Internal Error")

    def active(self, is_active: bool) -> None:
        self._call(f"active {is_active}")

    def connect(self, ssid: str, key: str) -> None:
        self._call(f"connect {ssid} {key}")

    def disconnect(self) -> None:
        self._call("disconnect")

    def isconnected(self) -> bool:
        return self.status_now == self._got_ip

    def status(self) -> int:
        if self._statuses:
            self.status_now = self._statuses.pop(0)
        return self.status_now

    def config(self, **options: int) -> None:
        [name] = options
        if name not in self.knows:
            raise ValueError("unknown config param")
        self.options.update(options)


def run(radio: Radio, story: Callable[[Wifi], Awaitable[None]]) -> list[str]:
    """The moments at which it ticked are returned with the radio's calls kept in radio.calls."""
    ticked: list[str] = []

    async def told() -> None:
        await story(Wifi(radio, "net", "secret", lambda: ticked.append("tick")))

    play(told)
    return ticked


async def connect(wifi: Wifi) -> None:
    await wifi.connect()


@pytest.mark.parametrize(
    "radio",
    [
        Radio(CYW43_JOINING, CYW43_JOINING, CYW43_NO_IP, 3),
        Radio(ESP32_CONNECTING, ESP32_CONNECTING, 1010, joined_at=1010),
    ],
    ids=["cyw43", "esp32"],
)
def test_it_joins_without_power_saving(radio: Radio) -> None:
    ticked = run(radio, connect)
    assert [name for _, name in radio.calls] == ["active True", "connect net secret"]
    assert radio.options == {"pm": 0xA11140, "reconnects": 0}
    assert len(ticked) >= 3


@pytest.mark.parametrize("unknown", ["pm", "reconnects"])
def test_an_option_that_only_the_other_chip_knows_does_no_harm(unknown: str) -> None:
    radio = Radio(CYW43_JOINING, 3)
    radio.knows = tuple({"pm", "reconnects"} - {unknown})
    run(radio, connect)
    assert radio.isconnected()


def test_a_radio_that_is_in_the_network_is_left_alone() -> None:
    radio = Radio()
    radio.status_now = 3
    run(radio, connect)
    assert radio.calls == []


@pytest.mark.parametrize(
    ("statuses", "kind", "within_s"),
    [
        ((CYW43_JOINING, CYW43_JOINING, -2), ABSENT, 1),
        ((ESP32_CONNECTING, 201), ABSENT, 1),
        ((200,), ABSENT, 1),
        ((212,), ABSENT, 1),
        ((CYW43_JOINING, -1), UNJOINED, 1),
        ((CYW43_JOINING, -3), UNJOINED, 1),
        ((ESP32_CONNECTING, 202), UNJOINED, 1),
        ((ESP32_CONNECTING, 204), UNJOINED, 1),
        ((15,), UNJOINED, 1),
        ((CYW43_JOINING, CYW43_NO_IP), UNJOINED, 21),
        ((ESP32_CONNECTING,), UNJOINED, 21),
        ((0,), UNJOINED, 21),
    ],
)
def test_a_failure_is_told_as_soon_as_the_radio_says_so_and_by_its_kind(
    statuses: tuple[int, ...], kind: str, within_s: float
) -> None:
    radio = Radio(*statuses)

    async def story(wifi: Wifi) -> None:
        with pytest.raises(NotJoined, match="net not joined") as caught:
            await wifi.connect()
        assert caught.value.kind == kind
        assert asyncio.get_running_loop().time() <= within_s

    run(radio, story)
    assert radio.calls[-1][1] == "disconnect"


@pytest.mark.parametrize("broken", ["active True", "connect net secret"])
def test_an_error_of_the_radio_itself_is_a_failure_to_join(broken: str) -> None:
    radio = Radio()
    radio.broken = broken

    async def story(wifi: Wifi) -> None:
        with pytest.raises(NotJoined, match="Internal Error") as caught:
            await wifi.connect()
        assert caught.value.kind == UNJOINED

    run(radio, story)


@pytest.mark.parametrize("broken", ["", "disconnect", "active False", "active True"])
def test_a_restart_is_a_second_without_the_radio(broken: str) -> None:
    radio = Radio()
    radio.broken = broken

    async def restart(wifi: Wifi) -> None:
        await wifi.restart()

    run(radio, restart)
    assert [name for _, name in radio.calls] == ["disconnect", "active False", "active True"]
    assert radio.calls[2][0] - radio.calls[1][0] == pytest.approx(1)
