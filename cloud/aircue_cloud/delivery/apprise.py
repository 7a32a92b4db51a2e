"""Telegram, ntfy, Slack and some hundred others through Apprise: at most once.

Its URLs hold tokens and lead anywhere, so they are the operator's alone: an address names one of them. Apprise says
only whether it went well, not why it did not, so whatever it does not affirm is in doubt.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from threading import Thread
from typing import Any

import apprise

from aircue_cloud.delivery.channel import AT_MOST_ONCE, Address, Handed, Refused, Result, Unknown
from aircue_cloud.delivery.notice import Notice, plain
from aircue_cloud.errors import SettingsError

TIMEOUT_S = 15.0


class AppriseChannel:
    name = "apprise"
    guarantee = AT_MOST_ONCE

    def __init__(self, targets: Mapping[str, Any], where: str, timeout_s: float = TIMEOUT_S) -> None:
        """targets: URLs by the name that addresses use. SettingsError names the one that Apprise does not know."""
        self._targets = {name: _opened(name, url, where) for name, url in targets.items()}
        self._timeout_s = timeout_s
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="apprise", daemon=True)
        self._thread.start()

    def amiss(self, address: Address) -> str | None:
        known = ", ".join(sorted(self._targets))
        return None if set(address) == {"target"} and address["target"] in self._targets else f"target: one of {known}"

    def hand_over(self, notice: Notice, address: Address, now: datetime) -> Result:
        target = self._targets.get(address.get("target", ""))
        if target is None:
            return Refused(detail="the target is not configured any more")
        told = target.async_notify(title=notice.title, body=plain(notice))
        future = asyncio.run_coroutine_threadsafe(told, self._loop)
        try:
            went_well = future.result(self._timeout_s)
        except TimeoutError:
            future.cancel()
            return Unknown(detail=f"no answer within {self._timeout_s:g} s")
        return Handed() if went_well else Unknown(detail="Apprise does not say that it went well")

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(_give_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _opened(name: str, url: Any, where: str) -> apprise.Apprise:
    target = apprise.Apprise()
    if not target.add(url):
        raise SettingsError(f"{where}: key {name!r} is no URL that Apprise knows; see its list of services")
    return target


async def _give_up() -> None:
    """What is still under way in this loop."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
