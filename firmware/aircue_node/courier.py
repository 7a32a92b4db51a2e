"""The courier: what a node has to say next and what it makes of what it is told, whatever line carries it.

A message is (leaf, payload, retained, sent before); the line puts it on a topic, or on a serial line. Live samples and
replies come from next_live(), older samples from next_backlog(): the line decides how many of each it takes.
"""

import gc

from aircue_node import contract

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.journal import Journal
    from aircue_node.ports import Answering, Message, Reporter, Sample

_BACKLOG_SAMPLES = 12
_ACK_WITHIN_MS = 60_000


class Courier:
    """dated gives a sample its time, where it was taken before the clock was set. proved is called with every ack of a
    sample of this boot: sensors, network and gateway work."""

    def __init__(
        self,
        installation: int,
        boot: int,
        journal: "Journal",
        commands: "Answering",
        report: "Reporter",
        dated: "Callable[[Sample], Sample]",
        proved: "Callable[[], None]" = lambda: None,
    ) -> None:
        self._installation = installation
        self._boot = boot
        self._journal = journal
        self._commands = commands
        self._report = report
        self._dated = dated
        self._proved = proved
        self._replies: list[bytes] = []
        self._introduced: set[int] = set()
        self._most = _BACKLOG_SAMPLES

    @property
    def waiting(self) -> int:
        """Samples that the gateway has not acked."""
        return len(self._journal)

    @property
    def unsaid(self) -> int:
        """Replies that no line has taken yet."""
        return len(self._replies)

    def start_session(self) -> "Message":
        """A line stands: the birth to send first. Nothing is on its way any more."""
        self._journal.start_session()
        self._introduced = {self._boot}
        return contract.BIRTH, self._report.birth(), True, False

    def end_session(self) -> None:
        """The line is gone, and with it what was on its way."""
        self._journal.end_session()

    def status(self) -> "Message":
        return contract.STATUS, self._report.status(), True, False

    def will(self) -> bytes:
        """What the broker says in this node's name when it vanishes."""
        return contract.encode_will(self._installation, self._boot)

    def next_live(self, now_ms: int) -> "Message | None":
        """A reply, else the oldest sample of this session that was never sent."""
        if self._replies:
            return contract.REPLY, self._replies.pop(0), False, False
        sample = self._journal.take_live(now_ms)
        if sample is None:
            return None
        payload = contract.encode_sample(self._installation, self._boot, self._dated(sample))
        return contract.SAMPLES, payload, False, False

    def next_backlog(self, now_ms: int) -> "list[Message]":
        """Older samples, in one message where memory has room for it; before the first of an earlier boot comes that
        boot's birth. Empty: none wait.

        That birth is not retained: whoever subscribes later wants to know this boot.
        """
        boot, samples, again = self._journal.take_backlog(self._most, now_ms)
        if not samples:
            return []
        messages: list[Message] = []
        if boot not in self._introduced:
            self._introduced.add(boot)
            birth = self._journal.birth_of(boot)
            if birth is not None:
                messages.append((contract.BIRTH, birth, False, again))
        if boot == self._boot:
            samples = [self._dated(sample) for sample in samples]
        return messages + self._encoded(boot, samples, again)

    def _encoded(self, boot: int, samples: "list[Sample]", again: bool) -> "list[Message]":
        messages: list[Message] = []
        at = 0
        while at < len(samples):
            piece = samples[at : at + self._most]
            try:
                payload = contract.encode_backlog(self._installation, boot, piece)
            except MemoryError:
                if len(piece) == 1:
                    raise
                self.starved()
                continue
            messages.append((contract.BACKLOG, payload, False, again))
            at += len(piece)
        return messages

    def starved(self) -> None:
        """A heap in pieces has no room for a large message: from now on fewer older samples go into one."""
        gc.collect()
        self._most = max(1, self._most // 2)

    def expire(self, now_ms: int) -> None:
        """What was sent long ago and never acked is sent again."""
        self._journal.expire(now_ms - _ACK_WITHIN_MS)

    def receive(self, leaf: str, payload: bytes) -> None:
        if leaf == contract.ACK:
            self._acked(payload)
        elif leaf == contract.COMMAND:
            self._replies.append(self._commands.answer(payload))

    def _acked(self, payload: bytes) -> None:
        """An ack for another installation is not for this journal."""
        try:
            installation, boot, ranges = contract.decode_ack(payload)
        except contract.ContractError as error:
            print("uplink:", error)
            return
        if installation == self._installation:
            self._journal.ack(boot, ranges)
            if boot == self._boot:
                self._proved()
