"""Commands to a node: signed, meant for one installation, each run once, each answered."""

from aircue_node import contract

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from aircue_node.sampler import Sampler

    Action = Callable[[dict[str, Any]], str | None]

_INTERVAL_MS = (1000, 86400000)


class Commands:
    """answer() runs one command message and gives the reply to publish. actions: more commands by name."""

    def __init__(
        self, key: bytes, installation: int, sampler: "Sampler", actions: "dict[str, Action] | None" = None
    ) -> None:
        self._key = key
        self._installation = installation
        self._sampler = sampler
        self._last_number = 0
        self._table: dict[str, Action] = {"interval": self._interval}
        self._table.update(actions or {})

    def answer(self, payload: bytes) -> bytes:
        try:
            fields = contract.decode_command(payload, self._key)
        except contract.ContractError as error:
            return contract.encode_reply("", str(error))
        return contract.encode_reply(fields["id"], self._refusal(fields) or self._run(fields))

    def _refusal(self, fields: "dict[str, Any]") -> str | None:
        if fields["i"] != self._installation:
            return "meant for another installation"
        if fields["n"] <= self._last_number:
            return f"number {fields['n']} was used before: {self._last_number + 1} or more is expected"
        self._last_number = fields["n"]
        return None

    def _run(self, fields: "dict[str, Any]") -> str | None:
        """None when it was carried out, else why not."""
        action = self._table.get(fields["command"])
        if action is None:
            return f"unknown command {fields['command']}; known are {', '.join(sorted(self._table))}"
        return action(fields["args"])

    def _interval(self, args: "dict[str, Any]") -> str | None:
        ms = args.get("ms")
        smallest, largest = _INTERVAL_MS
        if type(ms) is not int or ms < smallest or ms > largest:
            return f"interval: ms must be {smallest} to {largest}"
        self._sampler.interval_ms = ms
        return None
