"""Improv on the serial line: the calls of improv.py carried out, between whatever else the node prints there."""

import asyncio

from aircue_node.provisioning import improv

MYPY = False
if MYPY:
    from collections.abc import Awaitable, Callable

    from aircue_node.provisioning.radio import Radio
    from aircue_node.provisioning.setup import Setup

_CTRL_C = 3


class Console:
    """write: puts bytes on the line as they are; url: the page's, for an address; info: firmware, version, chip."""

    def __init__(
        self,
        setup: "Setup",
        radio: "Radio",
        write: "Callable[[bytes], object]",
        url: "Callable[[str], str]",
        info: tuple[str, str, str],
    ) -> None:
        self._setup = setup
        self._radio = radio
        self._write = write
        self._url = url
        self._info = info
        self._hostname = setup.name
        self._parser = improv.Parser()
        self._state = improv.READY
        self._calls = {
            improv.SEND_WIFI: self._wifi,
            improv.REQUEST_STATE: self._tell_state,
            improv.REQUEST_INFO: self._tell_info,
            improv.REQUEST_NETWORKS: self._tell_networks,
            improv.HOSTNAME: self._name,
        }

    async def run(self, read: "Callable[[], Awaitable[bytes]]", ms: "Callable[[], int]") -> None:
        """read: one byte of the line, nothing at its end. KeyboardInterrupt for a Ctrl-C outside of a packet: byte 3 is
        part of most packets, so the port's own Ctrl-C has to be switched off meanwhile."""
        while True:
            byte = await read()
            if not byte:
                return
            await self._take(byte[0], ms())

    async def _take(self, byte: int, now_ms: int) -> None:
        try:
            packet = self._parser.feed(byte, now_ms)
            if packet is not None and packet[0] == improv.CALL:
                await self._obey(*improv.call_of(packet[1]))
            elif packet is None and byte == _CTRL_C and self._parser.idle:
                raise KeyboardInterrupt
        except improv.ImprovError as error:
            self._write(improv.error(error.code))

    async def _obey(self, call: int, data: bytes) -> None:
        if call not in self._calls:
            raise improv.ImprovError(improv.UNKNOWN_CALL, "no such call")
        self._write(improv.error(improv.NO_ERROR))
        await self._calls[call](call, data)

    async def _wifi(self, call: int, data: bytes) -> None:
        ssid, password = improv.wifi_of(data)
        self._become(improv.PROVISIONING)
        try:
            await self._radio.join(ssid, password)
        except (OSError, asyncio.TimeoutError):
            self._write(improv.error(improv.UNABLE_TO_CONNECT))
            self._become(improv.READY)
            return
        self._setup.joined(ssid, password)
        self._become(improv.PROVISIONED)
        self._write(improv.result(call, self._urls()))

    async def _tell_state(self, call: int, data: bytes) -> None:
        self._write(improv.state(self._state))
        if self._state == improv.PROVISIONED:
            self._write(improv.result(call, self._urls()))

    async def _tell_info(self, call: int, data: bytes) -> None:
        texts = list(self._info)
        texts.append(self._hostname)
        self._write(improv.result(call, texts))

    async def _tell_networks(self, call: int, data: bytes) -> None:
        for network in self._setup.scanned(self._radio.scan()):
            self._write(improv.result(call, improv.network_texts(*network)))
        self._write(improv.result(call, []))

    async def _name(self, call: int, data: bytes) -> None:
        """The name that is suggested for the node on the page."""
        if data:
            self._hostname = improv.hostname_of(data)
            self._setup.suggest_name(self._hostname)
        self._write(improv.result(call, [self._hostname]))

    def _become(self, state: int) -> None:
        self._state = state
        self._write(improv.state(state))

    def _urls(self) -> list[str]:
        """Where the rest is asked for: the gateway, the site, the sensors."""
        return [self._url(self._radio.joined_address)]
