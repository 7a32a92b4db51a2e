"""`aircue-cloud deliver` and `outbox` as processes, against a real SMTP server."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.bench.push_delivery import decide, fill
from tests.cloud.delivery.mail import OnFreePort
from tests.system.cloud_process import command

from aircue_cloud import db
from aircue_cloud.delivery import addresses

pytestmark = pytest.mark.system


@dataclass
class Mailbox:
    mail: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mail.append(envelope.content)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    kept = Mailbox()
    server = OnFreePort(kept, "127.0.0.1", 0, ready_timeout=60)
    server.start()
    yield kept, server.port
    server.stop()


def configured(folder: Path, port: int) -> Path:
    """A store with one push that is to go out by mail."""
    config = folder / "cloud.toml"
    mail = f'[delivery.email]\nhost = "127.0.0.1"\nport = {port}\nsender = "air@shop.example"\nsecurity = "none"\n'
    config.write_text(
        f'data_dir = "data"\nquiet_hours = ""\nholdout = 0.0\nneed_holdout = 0.0\nexplore = false\n{mail}'
    )
    store = folder / "data" / "stores" / "main"
    store.mkdir(parents=True)
    engine, now = db.open_database(db.sqlite_url(str(store / "aircue.db"))), datetime.now(UTC)
    fill(engine, 1, now)
    with db.writing(engine) as connection:
        addresses.add(connection, "h-0-1", "email", {"email": "ada@home.example"}, now)
        decide(connection, 1, "h-0", ("email", "in-app"), now)
    engine.dispose()
    return config


def test_a_process_of_its_own_delivers_and_ends_when_it_is_told(tmp_path: Path, mailbox: tuple[Mailbox, int]) -> None:
    kept, port = mailbox
    config = configured(tmp_path, port)
    assert re.search(r"email +due +1\n", command(config, "outbox", "counts") + "\n")
    line = [sys.executable, "-m", "aircue_cloud", "deliver", "--config", str(config)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "aircue-cloud: delivers by email\n"
    end = time.monotonic() + 60
    while "handed" not in command(config, "outbox", "list", "--state", "handed").replace("in-app     handed", ""):
        assert time.monotonic() < end, (tmp_path / "log").read_text()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    process.stdout.close()
    assert len(kept.mail) == 1
    row = re.search(r"(\S+) email", command(config, "outbox", "list"))
    assert row is not None
    again = subprocess.run(
        [sys.executable, "-m", "aircue_cloud", "outbox", "retry", row[1], "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (again.returncode, "it is handed" in again.stderr) == (1, True)


def test_without_a_channel_there_is_nothing_to_deliver_by(tmp_path: Path) -> None:
    config = tmp_path / "cloud.toml"
    config.write_text('data_dir = "data"\n')
    line = [sys.executable, "-m", "aircue_cloud", "deliver", "--config", str(config)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, "no channel is switched on" in done.stderr) == (1, True)
