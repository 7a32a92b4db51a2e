"""What a sleeping node does beyond taking samples: visit the gateway, and put on flash what its memory cannot keep."""

from aircue_node import battery, contract
from aircue_node.courier import Courier
from aircue_node.report import Report
from aircue_node.visit import ERRORS

MYPY = False
if MYPY:
    from aircue_node.battery import State
    from aircue_node.battery_node import BatteryNode
    from aircue_node.journal import Journal
    from aircue_node.ports import Loss


class _Stock:
    """What a report says of the samples: those in the journal, and the losses of the RTC's memory beside its own."""

    def __init__(self, journal: "Journal | None", state: "State") -> None:
        self._journal = journal
        self._state = state

    def __len__(self) -> int:
        return len(self._state.samples) if self._journal is None else len(self._journal)

    @property
    def loss(self) -> "list[Loss]":
        return self._state.losses + ([] if self._journal is None else self._journal.loss)


async def visit(node: "BatteryNode", batch: int) -> None:
    """Takes the samples along, the newest as live, and keeps those that came back without an ack."""
    state = node.state
    journal = _open(node, state)
    for sample in state.samples[:-1]:
        journal.append(sample)
    commands = node.board.commands(state.installation, node.sampler)
    report = _report(node, state, _Stock(journal, state))
    proved = node.board.slots.confirm
    courier = Courier(state.installation, state.boot, journal, commands, report, node.clock.dated, proved)
    session = node.board.visit(courier, node.clock, lambda leaf, payload: _received(state, leaf, payload))
    newest = state.samples[-1]
    try:
        await session.run(state.introduced, lambda: journal.append(newest))
        battery.visited(state)
    except ERRORS as error:
        print("visit:", str(error) or "no answer in time")
        battery.failed(state, batch)
    _take_over(node, journal)


def _received(state: "State", leaf: str, payload: bytes) -> None:
    if leaf != contract.ACK:
        return
    try:
        installation, boot, ranges = contract.decode_ack(payload)
    except contract.ContractError:
        return  # the courier has said so
    if installation == state.installation:
        battery.acked(state, boot, ranges)


def _take_over(node: "BatteryNode", journal: "Journal") -> None:
    """What the visit changed outlasts the sleep: the time, for what is still on flash without one too, and an interval
    that was commanded, which the next birth names."""
    state = node.state
    state.epoch_ms = node.clock.epoch_ms
    if len(journal):
        _date(journal, state)
    if node.sampler.interval_ms != state.interval_ms:
        state.interval_ms = node.sampler.interval_ms
        state.introduced = False


def spill(node: "BatteryNode") -> None:
    state = node.state
    if _kept(node, _open(node, state), state):
        state.samples = []


def rescue(node: "BatteryNode", left_over: "State") -> None:
    """Samples that no flash takes, or that another installation took, are named as lost. Whatever breaks this must not
    break every run that follows."""
    try:
        if left_over.installation == node.state.installation and _kept(node, _open(node, left_over), left_over):
            return
    except Exception as error:  # noqa: BLE001 -- see above
        print("battery: samples of boot", left_over.boot, "cannot be put on flash:", repr(error))
    node.state.losses = left_over.losses
    for sample in left_over.samples:
        battery.lose(node.state, left_over.boot, sample[0])


def _open(node: "BatteryNode", state: "State") -> "Journal":
    """The journal of a boot; its birth goes to flash beside the samples."""
    width = len(state.last)
    report = _report(node, state, _Stock(None, state))
    return node.board.open_journal(state.boot, node.most, width, report.birth_to_keep)


def _date(journal: "Journal", state: "State") -> None:
    if state.epoch_ms is not None:
        journal.date(state.epoch_ms)


def _kept(node: "BatteryNode", journal: "Journal", state: "State") -> bool:
    """Whether all samples of a memory are on flash now."""
    _date(journal, state)
    for sample in state.samples:
        journal.append(sample)
    journal.flush(node.clock.uptime_ms(), everything=True)
    return journal.at_risk == 0


def _report(node: "BatteryNode", state: "State", stock: _Stock) -> Report:
    return Report(
        state.installation,
        state.boot,
        node.board.hardware,
        state.reset,
        node.fitted,
        node.sampler,
        stock,
        node.clock,
        node.board.slots,
    )
