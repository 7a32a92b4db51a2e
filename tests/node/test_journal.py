"""The journal in RAM alone: nothing leaves it but what the gateway acked or the loss ledger names."""

from hypothesis import given
from hypothesis import strategies as st

from aircue_node.journal import Journal


def sample(sequence: int) -> tuple[int, int, int, list[int | None]]:
    return sequence, sequence * 1000, 0, [sequence]


def filled(count: int, capacity: int = 100) -> Journal:
    journal = Journal(7, capacity, 1)
    for sequence in range(1, count + 1):
        journal.append(sample(sequence))
    return journal


def test_samples_of_this_session_are_live_one_by_one() -> None:
    journal = filled(2)
    assert [journal.take_live(0), journal.take_live(0), journal.take_live(0)] == [sample(1), sample(2), None]


def test_what_waited_before_the_connection_is_backlog_and_new_samples_go_first() -> None:
    journal = filled(3)
    journal.start_session()
    journal.append(sample(4))
    assert journal.take_live(0) == sample(4)
    assert journal.take_backlog(2, 0) == (7, [sample(1), sample(2)], False)
    assert journal.take_backlog(2, 0) == (7, [sample(3)], False)


def test_what_was_handed_over_before_is_offered_again_marked_and_apart() -> None:
    journal = filled(3)
    journal.take_live(0)
    journal.start_session()
    assert journal.take_backlog(9, 0) == (7, [sample(1)], True)
    assert journal.take_backlog(9, 0) == (7, [sample(2), sample(3)], False)


def test_only_an_ack_removes_a_sample() -> None:
    journal = filled(3)
    journal.take_live(0)
    journal.ack(7, [(1, 1), (3, 9)])
    assert len(journal) == 1
    journal.start_session()
    assert journal.take_backlog(9, 0) == (7, [sample(2)], False)


def test_a_full_journal_drops_the_oldest_and_says_which() -> None:
    journal = filled(5, capacity=3)
    assert len(journal) == 3
    assert journal.loss == [(7, 1, 2, 2)]


def test_what_was_sent_and_never_acked_is_offered_again_after_a_while() -> None:
    journal = filled(1)
    journal.take_live(1000)
    journal.expire(1000)
    assert journal.take_backlog(9, 2000) == (7, [], False)
    journal.expire(1001)
    assert journal.take_live(2000) is None
    assert journal.take_backlog(9, 2000) == (7, [sample(1)], True)


def test_without_flash_everything_may_be_on_its_way() -> None:
    journal = Journal(7, 100, 32)
    for sequence in range(1, 101):
        journal.append((sequence, sequence, 0, [0] * 32))
    for sequence in range(1, 51):
        assert journal.take_live(0) == (sequence, sequence, 0, [0] * 32)
    journal.start_session()
    assert [len(journal.take_backlog(12, 0)[1]) for _ in range(4)] == [12] * 4


_actions = st.lists(
    st.one_of(
        st.just(("append",)),
        st.just(("live",)),
        st.tuples(st.just("backlog"), st.integers(1, 5)),
        st.tuples(st.just("ack"), st.integers(1, 60), st.integers(0, 9)),
        st.just(("session",)),
        st.just(("expire",)),
    ),
    max_size=80,
)


@given(st.integers(1, 20), _actions)
def test_every_sample_is_waiting_acked_or_in_the_loss_ledger(capacity: int, actions: list[tuple[object, ...]]) -> None:
    journal, taken, removed, acked = Journal(1, capacity, 1), 0, 0, set()
    for name, *numbers in actions:
        if name == "append":
            taken += 1
            journal.append(sample(taken))
        elif name == "live":
            journal.take_live(0)
        elif name == "backlog":
            journal.take_backlog(int(str(numbers[0])), 0)
        elif name == "ack":
            first, more = int(str(numbers[0])), int(str(numbers[1]))
            before = len(journal)
            journal.ack(1, [(first, first + more)])
            removed += before - len(journal)
            acked |= set(range(first, min(first + more, taken) + 1))
        elif name == "session":
            journal.start_session()
        else:
            journal.expire(1)
    declared = {n for _, first, last, _ in journal.loss for n in range(first, last + 1)}
    journal.start_session()
    waiting: set[int] = set()
    while rows := journal.take_backlog(7, 5)[1]:
        assert not waiting & {row[0] for row in rows}
        waiting |= {row[0] for row in rows}
    assert set(range(1, taken + 1)) - waiting - acked <= declared
    assert not waiting & acked
    assert len(waiting) + removed + sum(samples for *_, samples in journal.loss) == taken
