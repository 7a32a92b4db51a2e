"""A node that has its key and no measure: whatever it says of itself, what the gateway keeps of it is bounded."""

import pytest
from tests.gateway.recorded_disk import MemoryDisk
from tests.gateway.samples import BOOT, CHANNELS, INSTALLATION, NODE, message, sample, sealed

from aircue_gateway.config import CleaningConfig
from aircue_gateway.intake import Intake
from aircue_gateway.ledger import Count
from aircue_gateway.operations.vitals import Vitals
from aircue_gateway.spool.spool import Spool
from aircue_gateway.window import MOST_BOOTS, MOST_LOSSES, Stored, Window
from aircue_node import contract

NOW_MS = 1_763_800_000_000


class Gateway:
    """Intake, spool and view as the committer connects them."""

    def __init__(self) -> None:
        self.disk = MemoryDisk()
        self.vitals = Vitals.of(Stored())
        self.start()

    def start(self) -> None:
        self.spool = Spool.on(self.disk, "gw-1", NOW_MS)
        self.intake = Intake(CleaningConfig(), self.spool.load())

    def take(self, leaf: str, payload: bytes) -> Window:
        self.intake.take(message(leaf, payload), NOW_MS)
        window = self.intake.swap()
        self.spool.commit(window)
        self.vitals.committed(window)
        if window.crowded:
            self.spool.seal(NOW_MS, urgent=False)
        return window

    def stops(self) -> None:
        self.spool.seal(NOW_MS, urgent=False)


def birth(installation: int, boot: int = BOOT, channels: object = CHANNELS, loss: object = ()) -> bytes:
    return contract.encode_birth("0.1.0", "unix", installation, boot, 30_000, "power-on", channels, [("a", "ok")], loss)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def test_the_oldest_boots_are_forgotten_and_said_so_and_all_their_samples_leave(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    for boot in range(1, MOST_BOOTS + 9):
        gateway.take("birth", birth(INSTALLATION, boot))
        gateway.take("samples", contract.encode_sample(INSTALLATION, boot, sample(1)))
    gateway.stops()
    assert [key[2] for key in gateway.spool.book.streams] == list(range(9, MOST_BOOTS + 9))
    assert gateway.spool.book.counters[Count.BOOTS_FORGOTTEN] == 8
    assert "event=boot_forgotten node=bathroom" in caplog.text
    came = [(group.boot, len(group.samples)) for one in sealed(gateway.spool) for group in one.groups]
    assert sorted(came) == [(boot, 1) for boot in range(1, MOST_BOOTS + 9)]


def test_installations_without_end_leave_no_table_that_grows(gateway: Gateway) -> None:
    for installation in range(200):
        gateway.take("birth", birth(installation))
    gateway.stops()
    book, intake = gateway.spool.book, gateway.intake
    assert len(book.births) == len(book.streams) + MOST_BOOTS == len(intake._streams) == MOST_BOOTS
    assert len(gateway.vitals._births) <= MOST_BOOTS
    assert book.forgotten == set()


def test_channels_that_change_without_end_leave_one_birth_a_boot(gateway: Gateway) -> None:
    most = 0
    for turn in range(200):
        gateway.take("birth", birth(INSTALLATION, channels=CHANNELS[: 1 + turn % 2]))
        most = max(most, len(gateway.spool.book.births))
    gateway.stops()
    assert most <= MOST_BOOTS + 1
    assert len(gateway.spool.book.births) == 1 == len(gateway.vitals._births)


def test_what_is_forgotten_is_forgotten_after_a_restart_as_well(gateway: Gateway) -> None:
    for boot in range(1, MOST_BOOTS + 9):
        gateway.take("birth", birth(INSTALLATION, boot))
    before = gateway.spool.book.checkpoint()
    gateway.start()
    gateway.stops()
    assert gateway.spool.book.checkpoint()["births"] == before["births"]
    assert len(gateway.intake._streams) <= MOST_BOOTS


def test_a_boot_that_comes_back_is_known_again(gateway: Gateway) -> None:
    for boot in [*range(1, MOST_BOOTS + 2), 1]:
        gateway.take("birth", birth(INSTALLATION, boot))
    window = gateway.take("samples", contract.encode_sample(INSTALLATION, 1, sample(2)))
    assert [row.sequence for row in window.samples] == [2]
    gateway.stops()
    gateway.start()
    again = gateway.take("samples", contract.encode_sample(INSTALLATION, 1, sample(2)))
    assert (again.samples, again.counts[Count.SAMPLES_REDELIVERED]) == ([], 1)


def test_declared_losses_without_end_are_told_once_each_and_only_the_last_are_remembered(gateway: Gateway) -> None:
    declared = [[boot, 1, 9, 3] for boot in range(3 * MOST_LOSSES)]
    gateway.take("birth", birth(INSTALLATION))
    for at in range(0, len(declared), 500):
        gateway.take("status", contract.encode_status(INSTALLATION, BOOT, 1, 1, 0, declared[at : at + 500], {}))
    gateway.stops()
    book = gateway.spool.book
    assert len(book.losses) == len(gateway.intake._losses) == MOST_LOSSES
    assert book.counters[Count.LOSSES_FORGOTTEN] == 2 * MOST_LOSSES
    assert sorted(loss.boot for one in sealed(gateway.spool) for loss in one.losses) == list(range(3 * MOST_LOSSES))


def test_as_many_losses_as_a_message_holds_are_told_once_however_often_they_are_repeated(gateway: Gateway) -> None:
    declared = [[boot, 1, 9, 3] for boot in range(MOST_LOSSES)]
    status = contract.encode_status(INSTALLATION, BOOT, 1, 1, 0, declared, {})
    told = [len(gateway.take("status", status).losses) for _ in range(3)]
    gateway.start()
    assert [*told, len(gateway.take("status", status).losses)] == [MOST_LOSSES, 0, 0, 0]


def test_a_boot_is_forgotten_in_the_checkpoint_whose_size_stays(gateway: Gateway) -> None:
    sizes = []
    for installation in range(160):
        gateway.take("birth", birth(installation))
        sizes.append(len(str(gateway.spool.book.checkpoint())))
    assert max(sizes[80:]) <= max(sizes[:80]) * 1.1


def test_other_nodes_are_none_the_worse(gateway: Gateway) -> None:
    gateway.take("birth", birth(7))
    stream = (NODE.id, 7, BOOT)
    other = gateway.intake._boots.setdefault("attic", [])
    assert gateway.intake._boots[NODE.id] == [stream]
    assert other == []
