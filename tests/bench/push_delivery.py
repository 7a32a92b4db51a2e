"""What delivery holds: `python -m tests.bench.push_delivery`; its last line is one JSON object.

outbox_sends_per_s: rows that one worker takes, asks the policy about, hands to a channel that answers at once, and
records, on SQLite that syncs every transaction.

The kills: two real processes at a time, each deciding and delivering on one database, die by SIGKILL at any moment. The
decisions are simulated (their transaction is the product's: push, inbox, feed, outbox); webhooks go to a real HTTPS
server and mail to a real SMTP server, which note what they get. A decision is made again and again, by both processes
and after every kill. inbox_exactly_once_violations: decisions whose push is not in the inbox, the feed and the outbox
once each. in_doubt: rows by channel that nobody knows of.

sensor_to_push: a real gateway process with a real cloud process behind it, on SQLite. The homes are simulated: one node
each, all of them at this one gateway, with the damp air before it sent ahead of the run under its own past times, so
that nobody waits a quarter of an hour for the dwell. From the moment before the reading that completes the dwell is
given to the gateway's socket, to the answer of GET /api/v1/households/ID/inbox that holds its push.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import urllib3
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Connection, Engine, func, insert, select
from tests.bench.publishers import percentile
from tests.cloud.delivery.mail import OnFreePort
from tests.cloud.delivery.servers import HOST, HttpsServer, https, is_loopback
from tests.cloud.delivery.stage import FakeChannel, episode_row, simulated_push
from tests.system.cloud_process import Server

from aircue_cloud import consents, db, tables
from aircue_cloud.decision import recheck
from aircue_cloud.decision.settings import Settings
from aircue_cloud.delivery import addresses, fates, outbox
from aircue_cloud.delivery.buttons import Links
from aircue_cloud.delivery.channel import Channel
from aircue_cloud.delivery.email import EmailChannel, EmailSettings
from aircue_cloud.delivery.endpoints import Gate
from aircue_cloud.delivery.outbox import Asked
from aircue_cloud.delivery.webhook import WebhookChannel, draw_secret
from aircue_cloud.delivery.worker import Deliverer
from aircue_cloud.identity import gateway_keys
from aircue_hil.demo.programs import free_port
from aircue_node import contract, mqtt

SENDS = 2000
KILLS = 200
HOMES = 1000
EPISODES = 240
AT_ONCE = 16
_LEASE = timedelta(seconds=2)
_NEVER_QUIET = Settings(quiet_hours="", widest_quiet_hours="", holdout=0.0, need_holdout=0.0)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _now() -> datetime:
    return datetime.now(UTC)


# A store to deliver from.


def fill(engine: Engine, homes: int, now: datetime) -> None:
    """Households of one person with one home each, who agreed to everything, and one product to offer."""
    names = [f"h-{number}" for number in range(homes)]
    with db.writing(engine) as connection:
        connection.execute(insert(tables.households), [{"id": one, "name": one} for one in names])
        people = [{"id": f"{one}-1", "household": one, "name": one} for one in names]
        connection.execute(insert(tables.people), people)
        connection.execute(
            insert(tables.sites), [{"id": f"home-{one}", "household": one, "tz": "UTC"} for one in names]
        )
        row = {"id": "drymax", "name": "Drymax", "category": "dehumidifier", "price_minor": 9900, "currency": "EUR"}
        connection.execute(insert(tables.products), {**row, "stock": 10**6, "description": "", "attributes": {}})
        for one in names:
            for channel in ("in-app", "webhook", "email"):
                said = {"purpose": "marketing", "data_category": "sensor", "channel": channel}
                consents.record(connection, one, **said, granted=True, now=now)


def decide(connection: Connection, number: int, home: str, channels: Sequence[str], now: datetime) -> None:
    """As a simulated decision does: its episode, and the push."""
    push = simulated_push(number, home, now)
    episode = {**episode_row(push.episode, now), "site": f"home-{home}"}
    connection.execute(db.insert_absent(connection, tables.episodes), [episode])
    outbox.enqueue(connection, push, channels, now)


def _still_wanted(connection: Connection, rows: Sequence[tuple[str, str]], now: datetime) -> list[str | None]:
    return recheck.still_wanted(connection, rows, now, _NEVER_QUIET)


def _worker(engine: Engine, folder: Path, channels: dict[str, Channel], at_once: int, lease: timedelta) -> Deliverer:
    links = Links("main", folder, "https://air.example")
    asked = Asked(still_wanted=_still_wanted, marks=recheck.marks)
    return Deliverer(engine, channels, links, asked, _now, at_once=at_once, lease=lease)


# How fast one worker is.


def sends(rows: int = SENDS) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="aircue-bench-outbox-") as name:
        engine = db.open_database(db.sqlite_url(f"{name}/aircue.db"))
        fill(engine, 1, _now())
        with db.writing(engine) as connection:
            addresses.add(connection, "h-0-1", "webhook", {"to": "one"}, _now())
            for number in range(rows):
                decide(connection, number, "h-0", ("webhook", "in-app"), _now())
        channel = FakeChannel()
        worker = _worker(engine, Path(name), {"webhook": channel}, AT_ONCE, timedelta(seconds=30))
        began, cpu = time.perf_counter(), time.process_time()
        while worker.round() or worker.is_busy:
            pass
        took, used = time.perf_counter() - began, time.process_time() - cpu
        worker.finish()
        engine.dispose()
    assert len({notice.id for notice, _ in channel.got}) == len(channel.got) == rows
    return {"outbox_sends_per_s": round(rows / took), "outbox_sends_per_cpu_s": round(rows / used)}


# Kills.


@dataclass(frozen=True, kw_only=True)
class Sinks:
    """Where webhooks and mail go, as a process that is to die reaches them."""

    folder: str
    https_port: int
    ca: str
    mail_port: int


@dataclass
class Noted:
    """Message ids that an SMTP server took."""

    ids: list[str] = field(default_factory=list)

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        [line] = [one for one in envelope.content.splitlines() if one.lower().startswith(b"message-id:")]
        self.ids.append(line.decode().partition("<")[2].partition("@")[0])
        await asyncio.sleep(0.002)  # so that some die in between
        return "250 OK"


def _channels(sinks: Sinks) -> dict[str, Channel]:
    import ssl

    context = ssl.create_default_context(cafile=sinks.ca)
    gate = Gate(
        ports=frozenset({sinks.https_port}),
        permits=is_loopback,
        resolve=lambda _, __: ["127.0.0.1"],
        tls=lambda: context,
    )
    mail = EmailSettings(host="127.0.0.1", port=sinks.mail_port, sender="air@shop.example", security="none")
    return {"webhook": WebhookChannel(gate=gate), "email": EmailChannel(settings=mail)}


def _live_and_die(sinks: Sinks, first: int, last: int, seed: int, told: Pipe) -> None:
    """Decides in a thread, delivers in another, until it is killed. The numbers are those that others decide too."""
    folder, rng = Path(sinks.folder), random.Random(seed)
    engine = db.open_database(db.sqlite_url(str(folder / "aircue.db")))
    worker = _worker(engine, folder, _channels(sinks), 8, _LEASE)
    worker.start()
    told.send("ready")
    while True:
        number = rng.randrange(first, last)
        channel = ("webhook", "email")[number % 2]
        with db.writing(engine) as connection:
            decide(connection, number, "h-0", (channel, "in-app"), _now())
        time.sleep(rng.uniform(0, 0.004))


class Mortal:
    """A process that is killed after a while, and another one in its place."""

    def __init__(self, sinks: Sinks, rng: random.Random) -> None:
        self._sinks, self._rng = sinks, rng
        self._context = multiprocessing.get_context("forkserver")
        self._process: ForkServerProcess | None = None
        self.kill_at = 0.0

    def live(self, first: int, last: int) -> None:
        heard, told = self._context.Pipe(duplex=False)
        arguments = (self._sinks, first, last, self._rng.randrange(2**31), told)
        self._process = self._context.Process(target=_live_and_die, args=arguments, daemon=True)
        self._process.start()
        told.close()
        assert heard.recv() == "ready"
        heard.close()
        self.kill_at = time.monotonic() + self._rng.uniform(0.0, 0.25)

    def die(self) -> None:
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()
        assert self._process.exitcode == -signal.SIGKILL, "it ended by itself: its error stands above"
        self._process.close()


def kills(wanted: int = KILLS) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="aircue-bench-kills-") as name, _sinks(Path(name)) as (sinks, server, mail):
        engine = db.open_database(db.sqlite_url(f"{name}/aircue.db"))
        fill(engine, 1, _now())
        with db.writing(engine) as connection:
            url = {"url": f"https://{HOST}:{server.port}/in", "secret": draw_secret()}
            addresses.add(connection, "h-0-1", "webhook", url, _now())
            addresses.add(connection, "h-0-1", "email", {"email": "ada@home.example"}, _now())
        began = time.monotonic()
        _kill(sinks, wanted)
        _drain(engine, sinks)
        found = _checked(engine, [one.headers["webhook-id"] for one in server.got], mail.ids)
        engine.dispose()
    return {"kills": wanted, "kills_took_s": round(time.monotonic() - began, 1), **found}


@contextmanager
def _sinks(folder: Path) -> Iterator[tuple[Sinks, HttpsServer, Noted]]:
    noted = Noted()
    mail = OnFreePort(noted, "127.0.0.1", 0, ready_timeout=60)
    mail.start()
    try:
        with https(folder) as server:
            at = {"https_port": server.port, "ca": str(server.ca), "mail_port": mail.port}
            yield Sinks(folder=str(folder), **at), server, noted
    finally:
        mail.stop()


def _kill(sinks: Sinks, wanted: int) -> None:
    """Two at a time; every ten kills there is something new to decide about."""
    multiprocessing.set_forkserver_preload(["tests.bench.push_delivery"])
    rng, done = random.Random(7), 0
    mortals = [Mortal(sinks, rng) for _ in range(2)]
    for one in mortals:
        one.live(0, 40)
    while done < wanted:
        next_ = min(mortals, key=lambda one: one.kill_at)
        time.sleep(max(0.0, next_.kill_at - time.monotonic()))
        next_.die()
        done += 1
        next_.live(done * 4, done * 4 + 40)
    for one in mortals:
        one.die()


def _drain(engine: Engine, sinks: Sinks) -> None:
    """The last worker, which nobody kills, ends what is open."""
    worker = _worker(engine, Path(sinks.folder), _channels(sinks), 8, _LEASE)
    open_ = select(func.count()).select_from(tables.outbox).where(tables.outbox.c.state.in_(fates.OPEN))
    left, end = 1, time.monotonic() + 120
    while left:
        assert time.monotonic() < end, f"{left} rows are still open"
        worker.round()
        with db.reading(engine) as connection:
            left = connection.execute(open_).scalar_one()
        time.sleep(0.01)
    worker.finish()


def _checked(engine: Engine, hooks: Sequence[str], mail: Sequence[str]) -> dict[str, Any]:
    with db.reading(engine) as connection:
        decided = set(connection.execute(select(tables.episodes.c.id)).scalars())
        inbox = Counter(connection.execute(select(tables.pushes.c.episode)).scalars())
        feed = Counter(row["episode"] for row in connection.execute(select(tables.feed.c.fields)).scalars())
        rows = connection.execute(select(tables.outbox, tables.pushes.c.episode).join(tables.pushes)).all()
    in_app = Counter(row.episode for row in rows if row.channel == "in-app" and row.state == fates.HANDED)
    beside = Counter(row.episode for row in rows if row.channel != "in-app")
    ones = (inbox, feed, in_app, beside)
    known = decided.union(*ones)
    arrived = {"webhook": Counter(hooks), "email": Counter(mail)}
    states = {name: Counter(row.state for row in rows if row.channel == name) for name in arrived}
    handed = {name: {row.id for row in rows if row.channel == name and row.state == fates.HANDED} for name in arrived}
    return {
        "inbox_exactly_once_violations": sum(any(one[episode] != 1 for one in ones) for episode in known),
        "in_doubt": {name: counted[fates.IN_DOUBT] for name, counted in states.items()},
        "decisions_under_kills": len(decided),
        "webhooks_lost": len({row.id for row in rows if row.channel == "webhook"} - arrived["webhook"].keys()),
        "webhooks_repeated": sum(arrived["webhook"].values()) - len(arrived["webhook"]),
        "mail_doubled": sum(count > 1 for count in arrived["email"].values()),
        "mail_handed_but_missing": len(handed["email"] - arrived["email"].keys()),
        "mail_sent": len(arrived["email"]),
    }


# From the sensor to the push.

_INSTALLATION = 2_779_096_000
_CHANNELS = (("humidity", "%RH", 100, "sht4x"),)
_DWELL_S = 900
_STEP_S = 60


class Home:
    """A simulated node's connection to the gateway. During the run acks are left unread: a socket holds more."""

    def __init__(self, port: int, number: int) -> None:
        self.number, self.household = number, f"h-{number}"
        self._site, self._node = f"home-h-{number}", f"bathroom-{number}"
        self._sequence, self._booted_s = 0, int(time.time()) - 2 * _DWELL_S
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(mqtt.connect(self._node, self._node, _key(number), 0))
        answer = self._socket.recv(4)
        assert answer == bytes((mqtt.CONNACK << 4, 2, 0, 0)), f"the gateway refused {self._node}: {answer!r}"
        sensed = (_INSTALLATION + number, 1, _STEP_S * 1000, "power-on", list(_CHANNELS), [], [])
        birth = contract.encode_birth("bench", "simulated", *sensed)
        topic = contract.topic(self._site, self._node, contract.BIRTH)
        self._socket.sendall(mqtt.publish(topic, birth, 1, 65535, retain=True))

    def measure(self, at_s: int, percent: float) -> None:
        self._sequence += 1
        sample = (self._sequence, (at_s - self._booted_s) * 1000, at_s, [round(percent * 100)])
        payload = contract.encode_sample(_INSTALLATION + self.number, 1, sample)
        topic = contract.topic(self._site, self._node, contract.SAMPLES)
        self._socket.sendall(mqtt.publish(topic, payload, 1, self._sequence))

    def acked(self) -> None:
        """Returns when the gateway has everything so far on its disk."""
        parser, due = mqtt.Parser(), {65535, *range(1, self._sequence + 1)}
        self._socket.settimeout(60)
        while due:
            parser.feed(self._socket.recv(4096))
            while (packet := parser.next_packet()) is not None:
                if packet[0] == mqtt.PUBACK:
                    due.discard(int.from_bytes(packet[2][:2]))
        self._socket.settimeout(None)

    def close(self) -> None:
        self._socket.close()


def _key(number: int) -> str:
    return f"bench-key-of-bathroom-{number}"


class Gateway:
    def __init__(self, folder: Path, cloud_url: str, key: str, homes: int) -> None:
        self.port, self._log = free_port(), folder / "gateway.log"
        nodes = "".join(
            f'[[nodes]]\nid = "bathroom-{n}"\nsite = "home-h-{n}"\nkey = "{_key(n)}"\n' for n in range(homes)
        )
        most = f"max_connections = {homes + 10}\nmax_connections_per_address = {homes + 10}\n"
        listener = f'[listener]\nhost = "127.0.0.1"\nport = {self.port}\n{most}'
        uplink = f'[uplink]\nurl = "{cloud_url}"\nkey = "{key}"\n'
        config = folder / "gateway.toml"
        config.write_text(f'name = "gw-1"\ndata_dir = "spool"\n{uplink}{listener}{nodes}')
        with self._log.open("wb") as log:
            line = [sys.executable, "-m", "aircue_gateway", "run", "--config", str(config)]
            self._process = subprocess.Popen(line, stderr=log)
        end = time.monotonic() + 60
        while not all(word in self._log.read_text() for word in ("event=listening", "event=rules")):
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < end, self._log.read_text()[-2000:]
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


_HTTP = urllib3.PoolManager(retries=False, timeout=30.0)


@dataclass
class Watcher:
    """Follows the feed, and looks into the inbox of every home that it names. shown: when its push was seen there."""

    url: str
    after: int = 0
    shown: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        rows = _HTTP.request("GET", f"{self.url}/api/v1/feed?after={self.after}").json()
        self.after = rows["next"]
        for row in rows["rows"]:
            if row["kind"] == "push":
                inbox = _HTTP.request("GET", f"{self.url}/api/v1/households/{row['household']}/inbox").json()
                assert [one["id"] for one in inbox["pushes"]] == [row["push"]]
                self.shown[row["household"]] = time.monotonic()


def sensor_to_push(homes: int = HOMES, episodes: int = EPISODES, seconds: float = 60.0) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="aircue-bench-push-") as name:
        folder = Path(name)
        key = _prepared(folder, homes)
        server = Server(folder / "cloud.toml")
        gateway = Gateway(folder, server.url, key, homes)
        nodes: list[Home] = []
        try:
            nodes += [Home(gateway.port, number) for number in range(homes)]
            took = _measured(server, nodes, episodes, seconds)
        finally:
            for node in nodes:
                node.close()
            gateway.stop()
            server.stop()
    ordered = sorted(took)
    return {
        "sensor_to_push_p50_s": round(percentile(ordered, 0.5), 3),
        "sensor_to_push_p99_s": round(percentile(ordered, 0.99), 3),
        "sensor_to_push_max_s": round(ordered[-1], 3),
        "sensor_to_push_episodes": len(ordered),
        "sensor_to_push_homes": homes,
    }


def _prepared(folder: Path, homes: int) -> str:
    """A store with so many homes; the gateway's key."""
    quiet = 'quiet_hours = ""\nholdout = 0.0\nneed_holdout = 0.0\nexplore = false\n'
    (folder / "cloud.toml").write_text(f'port = 0\ndata_dir = "data"\n{quiet}', encoding="utf-8")
    store = folder / "data" / "stores" / "main"
    store.mkdir(parents=True)
    engine = db.open_database(db.sqlite_url(str(store / "aircue.db")))
    fill(engine, homes, _now())
    with db.writing(engine) as connection:
        key = gateway_keys.add(connection, "gw-1", _now())
    engine.dispose()
    return key


def _measured(server: Server, nodes: Sequence[Home], episodes: int, seconds: float) -> list[float]:
    """Seconds of every episode. Homes that stay dry send at their own pace all the while."""
    rng, damp, first, dry = random.Random(3), nodes[:episodes], nodes[episodes], nodes[episodes + 1 :]
    began = int(time.time()) - _DWELL_S + _STEP_S
    for node in (*damp, first):  # a need that holds with the very first reading is no need yet
        node.measure(began - _STEP_S, 76.0)
    for step in range(began, began + _DWELL_S, _STEP_S):
        for node in (*damp, first):
            node.measure(step, rng.uniform(83, 87))
    for node in dry:
        node.measure(began, rng.uniform(45, 60))
    for node in nodes:
        node.acked()
    time.sleep(max(0.0, began + _DWELL_S + 1 - time.time()))
    # One episode that does not count takes along what waits at the gateway for its next batch.
    watcher = _played(Watcher(server.url), [(0.0, first, 85.0)], {first.household})[0]
    at = [(rng.uniform(0, seconds), node, rng.uniform(83, 87)) for node in damp]
    at += [(rng.uniform(0, seconds), node, rng.uniform(45, 60)) for node in dry]
    households = {node.household for node in damp}
    watcher, sent = _played(watcher, sorted(at, key=lambda one: one[0]), households)
    return [watcher.shown[home] - sent[home] for home in households]


def _played(
    watcher: Watcher, planned: Sequence[tuple[float, Home, float]], damp: set[str]
) -> tuple[Watcher, dict[str, float]]:
    """Until all of these have their push; when each home's reading was sent."""
    watcher = replace(watcher, shown={})
    waiting, sent = list(reversed(planned)), {}
    began = time.monotonic()
    end = began + planned[-1][0] + 120
    while waiting or len(watcher.shown) < len(damp):
        assert time.monotonic() < end, f"{len(damp) - len(watcher.shown)} of {len(damp)} pushes never came"
        while waiting and time.monotonic() - began >= waiting[-1][0]:
            _, node, percent = waiting.pop()
            sent[node.household] = time.monotonic()
            node.measure(int(time.time()), percent)
        watcher.look()
        time.sleep(0.01)
    assert watcher.shown.keys() == damp
    return watcher, sent


def run(rows: int = SENDS, killed: int = KILLS, homes: int = HOMES, episodes: int = EPISODES) -> dict[str, Any]:
    """Every figure of delivery."""
    found = sends(rows)
    _say(f"sends: {found}")
    dead = kills(killed)
    _say(f"kills: {dead}")
    pushed = sensor_to_push(homes, episodes)
    _say(f"sensor to push: {pushed}")
    return found | dead | pushed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sends", type=int, default=SENDS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--homes", type=int, default=HOMES)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    asked = parser.parse_args()
    sys.stdout.write(json.dumps(run(asked.sends, asked.kills, asked.homes, asked.episodes)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
