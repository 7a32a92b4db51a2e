"""The outbox: in the transaction of the decision, taken by one worker at a time, honest by channel."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier, Thread

import pytest
from sqlalchemy import Connection, event, update
from tests.cloud.delivery.stage import HOUR, LEASE, FakeChannel, Post, deferred, others, settle
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.decision import recheck
from aircue_cloud.decision.settings import Settings
from aircue_cloud.delivery import addresses, fates, outbox
from aircue_cloud.delivery.channel import Failed, Gone, Handed, Refused, Unknown
from aircue_cloud.delivery.outbox import Asked, Taken
from aircue_cloud.delivery.worker import DUE_EVERY

NEVER_QUIET = Settings(quiet_hours="", widest_quiet_hours="")
AT_LEAST, AT_MOST = ("webhook", "web-push", "mqtt"), ("email", "sns", "apprise")


def test_the_inbox_has_a_push_by_the_transaction_alone_and_once(post: Post) -> None:
    push = post.decided()
    with db.writing(post.cloud.engine) as connection:
        assert outbox.enqueue(connection, push, ("in-app",), NOW)
        assert not outbox.enqueue(connection, push, ("in-app", "webhook"), NOW)
    assert post.states() == {"in-app": ["handed"]}
    assert [one["id"] for one in post.cloud.get("households/ada/inbox")["pushes"]] == [push.id]


def test_a_transaction_that_breaks_leaves_neither_push_nor_row(post: Post) -> None:
    post.reach("webhook")
    push = post.decided()

    def decide() -> None:
        with db.writing(post.cloud.engine) as connection:
            outbox.enqueue(connection, push, ("webhook", "in-app"), NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        decide()
    assert post.rows() == []
    assert post.cloud.rows(tables.pushes) == []


def test_a_rows_id_is_the_same_whenever_the_same_is_decided_and_differs_by_all_it_is_made_of(post: Post) -> None:
    push = post.decided()
    again = post.decided(2)
    first = outbox.row_id(push, "webhook", "a")
    assert first == outbox.row_id(push, "webhook", "a")
    others = [
        outbox.row_id(push, "email", "a"),
        outbox.row_id(push, "webhook", "b"),
        outbox.row_id(again, "webhook", "a"),
    ]
    assert len({first, *others}) == 4


def test_only_channels_with_an_address_in_use_get_a_row_in_the_order_given(post: Post) -> None:
    post.reach("email")
    post.reach("webhook")
    gone = post.reach("sns")
    with db.writing(post.cloud.engine) as connection:
        addresses.end(connection, gone, addresses.GONE, NOW)
    post.push("web-push", "sns", "webhook", "in-app", "email")
    assert [(row["channel"], row["place"], row["state"]) for row in post.rows()] == [
        ("in-app", 0, "handed"),
        ("webhook", 1, "due"),
        ("email", 2, "waiting"),
    ]


def test_a_push_to_one_person_reaches_nobody_else_of_the_household(post: Post) -> None:
    post.cloud.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Grace"})
    mine, _ = post.reach("webhook"), post.reach("webhook", "ada-2")
    post.push("webhook", person="ada-1")
    post.push("webhook", number=2)
    assert [row["address"] for row in post.rows("webhook") if row["push"] == post.rows("webhook")[0]["push"]]
    by_push = Counter(row["push"] for row in post.rows("webhook"))
    assert sorted(by_push.values()) == [1, 2]
    assert mine in {row["address"] for row in post.rows("webhook")}


def test_what_is_handed_over_is_not_handed_over_again_and_the_next_channel_is_spared(post: Post) -> None:
    post.reach("webhook")
    post.reach("email")
    push = post.push("webhook", "email")
    webhook, email = FakeChannel(), FakeChannel("email")
    worker = post.worker(webhook, email)
    settle(worker)
    post.cloud.clock.now += HOUR / 2
    settle(worker)
    assert (len(webhook.got), len(email.got)) == (1, 0)
    assert post.states() == {"in-app": ["handed"], "webhook": ["handed"], "email": ["spare"]}
    [(notice, address)] = webhook.got
    assert (notice.id, notice.push, address) == (post.rows("webhook")[0]["id"], push.id, {"to": "webhook"})


@pytest.mark.parametrize("answer", [Gone(), Refused()])
def test_a_failure_for_certain_tries_the_next_channel(post: Post, answer: Gone | Refused) -> None:
    post.reach("webhook")
    post.reach("email")
    post.push("webhook", "email")
    webhook, email = FakeChannel(answers=[answer]), FakeChannel("email")
    settle(post.worker(webhook, email))
    assert (len(webhook.got), len(email.got)) == (1, 1)
    assert post.states()["email"] == ["handed"]


def test_the_next_channel_waits_until_every_address_of_this_one_has_failed(post: Post) -> None:
    post.reach("webhook", to="one")
    post.reach("webhook", to="two")
    post.reach("email")
    post.push("webhook", "email")
    webhook, email = FakeChannel(answers=[Gone(), Failed(), Gone()]), FakeChannel("email")
    worker = post.worker(webhook, email, at_once=1)
    settle(worker)
    assert (len(webhook.got), len(email.got)) == (2, 0)
    post.cloud.clock.now += timedelta(minutes=1)
    settle(worker)
    assert (len(webhook.got), len(email.got)) == (3, 1)


@pytest.mark.parametrize("answer", [Failed(), Unknown()])
def test_neither_a_fault_nor_a_timeout_tries_another_channel(post: Post, answer: Failed | Unknown) -> None:
    post.reach("webhook")
    post.reach("email")
    post.push("webhook", "email")
    webhook, email = FakeChannel(answers=[answer]), FakeChannel("email")
    worker = post.worker(webhook, email)
    for _ in range(40):
        settle(worker)
        post.cloud.clock.now += timedelta(minutes=2)
    assert len(webhook.got) > 3
    assert email.got == []
    assert post.states() == {"in-app": ["handed"], "webhook": ["expired"], "email": ["spare"]}


def test_a_retry_bears_the_same_id_and_comes_after_its_pause(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    webhook = FakeChannel(answers=[Failed(), Unknown(), Handed()])
    worker = post.worker(webhook)
    for expected in (1, 1, 2, 2, 3):
        settle(worker)
        assert len(webhook.got) == expected
        post.cloud.clock.now += timedelta(seconds=1.5 if expected == 1 else 2.5)
    assert len({notice.id for notice, _ in webhook.got}) == 1
    assert post.attempts() == ["failed", "unknown", "handed"]


def test_a_receiver_that_asks_for_time_gets_it(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    webhook = FakeChannel(answers=[Failed(wait=timedelta(minutes=20)), Handed()])
    worker = post.worker(webhook)
    settle(worker)
    post.cloud.clock.now += timedelta(minutes=19)
    settle(worker)
    assert len(webhook.got) == 1
    post.cloud.clock.now += timedelta(minutes=1)
    settle(worker)
    assert len(webhook.got) == 2


@pytest.mark.parametrize("name", AT_MOST)
def test_what_may_arrive_once_at_most_is_in_doubt_after_a_timeout_and_never_sent_again(post: Post, name: str) -> None:
    post.reach(name)
    post.reach("webhook")
    post.push(name, "webhook")
    channel, other = FakeChannel(name, answers=[Unknown()]), FakeChannel()
    worker = post.worker(channel, other)
    settle(worker)
    post.cloud.clock.now += HOUR / 2
    settle(worker)
    assert (len(channel.got), len(other.got)) == (1, 0)
    assert post.states()[name] == ["in_doubt"]
    figures = post.cloud.get("status")
    assert (figures["outbox_in_doubt"], figures[f"in_doubt_{name}"]) == (1, 1)
    with db.writing(post.cloud.engine) as connection:
        assert "in doubt" in str(outbox.again(connection, post.rows(name)[0]["id"], post.cloud.clock()))


@pytest.mark.parametrize("name", AT_MOST)
def test_a_fault_of_ours_while_handing_over_is_in_doubt_too(post: Post, name: str) -> None:
    post.reach(name)
    post.push(name)
    settle(post.worker(FakeChannel(name, answers=[RuntimeError("a bug")])))
    assert post.states()[name] == ["in_doubt"]


def take(post: Post, worker: str = "w-1", name: str = "webhook") -> list[Taken]:
    """As a worker does that is killed before it records anything."""
    with outbox.turn(post.cloud.engine) as connection:
        return outbox.take(connection, worker, [name], others(), post.cloud.clock(), LEASE, 10)


@pytest.mark.parametrize("name", AT_LEAST)
def test_a_worker_that_is_gone_leaves_its_row_to_another_once_its_lease_is_over(post: Post, name: str) -> None:
    post.reach(name)
    post.push(name)
    [taken] = take(post, name=name)
    channel = FakeChannel(name)
    worker = post.worker(channel)
    settle(worker)
    assert channel.got == []
    post.cloud.clock.now += LEASE + timedelta(seconds=1)
    settle(worker)
    assert [notice.id for notice, _ in channel.got] == [taken.id]


@pytest.mark.parametrize("name", AT_MOST)
def test_a_worker_that_is_gone_leaves_a_doubt_where_nothing_may_come_twice(post: Post, name: str) -> None:
    post.reach(name)
    post.push(name)
    take(post, name=name)
    post.cloud.clock.now += LEASE + timedelta(seconds=1)
    channel = FakeChannel(name)
    settle(post.worker(channel))
    assert channel.got == []
    assert (post.states()[name], post.attempts()) == (["in_doubt"], ["lost"])


def test_a_worker_that_was_held_to_be_gone_and_comes_back_ends_the_doubt(post: Post) -> None:
    post.reach("email")
    post.push("email")
    [taken] = take(post, name="email")
    post.cloud.clock.now += LEASE + timedelta(seconds=1)
    settle(post.worker(FakeChannel("email")))
    with outbox.turn(post.cloud.engine) as connection:
        outbox.record(connection, [(taken, Handed())], post.cloud.clock(), lambda: 0.0)
    assert post.states()["email"] == ["handed"]


def test_what_a_late_worker_says_changes_nothing_that_another_has_settled(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    [taken] = take(post)
    post.cloud.clock.now += LEASE + timedelta(seconds=1)
    settle(post.worker(FakeChannel()))
    with outbox.turn(post.cloud.engine) as connection:
        outbox.record(connection, [(taken, Failed())], post.cloud.clock(), lambda: 0.0)
    assert post.states()["webhook"] == ["handed"]


def test_a_worker_that_lives_keeps_its_rows(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    take(post)
    for _ in range(4):
        post.cloud.clock.now += LEASE / 2
        with outbox.turn(post.cloud.engine) as connection:
            outbox.renew(connection, "w-1", post.cloud.clock(), LEASE)
        assert take(post, "w-2") == []


def test_workers_at_the_same_time_hand_every_row_over_once(post: Post) -> None:
    post.reach("webhook")
    for number in range(60):
        post.push("webhook", number=number)
    channels = [FakeChannel() for _ in range(3)]
    workers = [post.worker(channel) for channel in channels]
    barrier = Barrier(len(workers))

    def work(number: int) -> None:
        barrier.wait()
        settle(workers[number])
        workers[number].finish()

    threads = [Thread(target=work, args=(number,)) for number in range(len(workers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [notice.id for channel in channels for notice, _ in channel.got]
    assert (len(ids), len(set(ids))) == (60, 60)
    assert post.states()["webhook"] == ["handed"] * 60


def test_what_is_not_wanted_any_more_is_not_handed_over_and_says_why(post: Post) -> None:
    post.reach("webhook")
    post.reach("email")
    post.push("webhook", "email")
    asked: list[tuple[str, str]] = []

    def withdrawn(_: Connection, push: str, channel: str, __: datetime) -> str | None:
        asked.append((push, channel))
        return "agreement withdrawn"

    webhook, email = FakeChannel(), FakeChannel("email")
    settle(post.worker(webhook, email, still_wanted=withdrawn))
    assert (webhook.got, email.got) == ([], [])
    assert post.rows("webhook")[0]["reason"] == "agreement withdrawn"
    assert post.states() == {"in-app": ["handed"], "webhook": ["unwanted"], "email": ["spare"]}
    assert asked == [(post.rows()[0]["push"], "webhook")]


def test_agreement_that_was_taken_back_while_a_push_waited_ends_it(post: Post) -> None:
    def asked(connection: Connection, push: str, channel: str, now: datetime) -> str | None:
        return recheck.still_wanted(connection, [(push, channel)], now, NEVER_QUIET)[0]

    post.reach("webhook")
    post.push("webhook")
    post.cloud.consent("ada", granted=False)
    webhook = FakeChannel()
    settle(post.worker(webhook, still_wanted=asked))
    assert (webhook.got, post.states()["webhook"]) == ([], ["unwanted"])


class Interrupted:
    """Marks that do something the second time they are asked for: by the hand that is about to hand over."""

    def __init__(self, then: Callable[[], object]) -> None:
        self.times, self.then = 0, then

    def __call__(self, connection: Connection, pushes: Sequence[str]) -> Mapping[str, object]:
        self.times += 1
        if self.times == 2:
            self.then()
        return recheck.marks(connection, pushes)


def test_agreement_that_is_taken_back_after_the_question_is_noticed_before_the_hand_over(post: Post) -> None:
    agrees = {"in-app", "webhook"}

    def asked(_: Connection, __: str, channel: str, ___: datetime) -> str | None:
        return None if channel in agrees else "taken back"

    def withdraw() -> None:
        agrees.clear()
        post.cloud.consent("ada", granted=False)

    post.reach("webhook")
    post.reach("email")
    post.push("webhook", "email")
    marks, webhook, email = Interrupted(withdraw), FakeChannel(), FakeChannel("email")
    settle(post.worker(webhook, email, still_wanted=asked, marks=marks))
    assert (marks.times, webhook.got, email.got) == (2, [], [])
    assert post.states() == {"in-app": ["handed"], "webhook": ["unwanted"], "email": ["spare"]}
    assert post.attempts() == ["unwanted"]


def test_what_is_said_after_the_question_and_changes_nothing_holds_nothing_up(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    webhook = FakeChannel()
    settle(post.worker(webhook, marks=Interrupted(lambda: post.cloud.consent("ada", granted=True))))
    assert (len(webhook.got), post.states()["webhook"]) == (1, ["handed"])


def test_a_hand_that_cannot_ask_once_more_hands_nothing_over_and_leaves_no_doubt(post: Post) -> None:
    def broken() -> None:
        raise OSError

    post.reach("email")
    post.push("email")
    email = FakeChannel("email")
    settle(post.worker(email, marks=Interrupted(broken)))
    assert (email.got, post.states()["email"], post.attempts()) == ([], ["due"], ["failed"])


def test_many_rows_take_as_many_queries_as_one(post: Post) -> None:
    def queries(rows: int) -> int:
        for number in range(rows):
            post.push("webhook", number=1000 * rows + number)
        said: list[str] = []
        with outbox.turn(post.cloud.engine) as connection:
            event.listen(connection, "before_cursor_execute", lambda *told: said.append(told[2]))
            found = outbox.take(connection, "w-1", ["webhook"], real, post.cloud.clock(), LEASE, rows)
        assert len(found) == rows
        return len(said)

    real = Asked(still_wanted=partial(recheck.still_wanted, settings=NEVER_QUIET), marks=recheck.marks)
    post.cloud.consent("ada")
    post.cloud.consent("ada", channel="webhook")
    post.reach("webhook")
    assert queries(1) == queries(7)


def test_what_is_put_off_is_asked_about_again_when_it_is_time(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    until = NOW + HOUR / 2

    def quiet(_: Connection, __: str, ___: str, now: datetime) -> str | None:
        return deferred(until) if now < until else None

    webhook = FakeChannel()
    worker = post.worker(webhook, still_wanted=quiet)
    settle(worker)
    assert (webhook.got, post.states()["webhook"]) == ([], ["due"])
    post.cloud.clock.now = until
    settle(worker)
    assert len(webhook.got) == 1


def test_what_is_put_off_past_its_end_is_over(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    webhook = FakeChannel()
    settle(post.worker(webhook, still_wanted=lambda *_: deferred(NOW + HOUR)))
    assert (webhook.got, post.states()["webhook"]) == ([], ["expired"])


def test_a_push_that_is_over_is_handed_to_nobody(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    post.cloud.clock.now += HOUR
    webhook = FakeChannel()
    settle(post.worker(webhook))
    assert (webhook.got, post.states()["webhook"]) == ([], ["expired"])


def test_an_address_that_is_gone_ends_and_gets_no_later_push(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    settle(post.worker(FakeChannel(answers=[Gone()])))
    post.push("webhook", number=2)
    [row] = post.cloud.rows(tables.addresses)
    assert (row["ended_by"], len(post.rows("webhook"))) == ("gone", 1)


def test_an_address_that_was_removed_while_a_push_waited_gets_nothing(post: Post) -> None:
    id_ = post.reach("webhook")
    post.reach("email")
    post.push("webhook", "email")
    with db.writing(post.cloud.engine) as connection:
        assert addresses.remove(connection, "ada-1", id_)
    webhook, email = FakeChannel(), FakeChannel("email")
    settle(post.worker(webhook, email))
    assert (len(webhook.got), len(email.got)) == (0, 1)


def test_a_channel_that_is_switched_off_leaves_its_rows_to_a_worker_that_has_it(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    settle(post.worker(FakeChannel("email")))
    assert post.states()["webhook"] == ["due"]


def test_what_was_deferred_is_decided_again_now_and_then(post: Post) -> None:
    asked: list[datetime] = []
    worker = post.worker(due=lambda: asked.append(post.cloud.clock()))
    worker.decide_again()
    worker.decide_again()
    post.cloud.clock.now += DUE_EVERY
    worker.decide_again()
    assert asked == [NOW, NOW + DUE_EVERY]


def test_a_worker_that_is_stopped_hands_over_what_it_has_and_lets_go_of_its_channels(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    webhook = FakeChannel()
    worker = post.worker(webhook)
    worker.round()
    worker.finish()
    assert (post.states()["webhook"], webhook.closed) == (["handed"], True)


def test_an_operator_tries_again_what_failed_but_nothing_that_may_have_arrived(post: Post) -> None:
    post.reach("webhook")
    post.push("webhook")
    settle(post.worker(FakeChannel(answers=[Refused()])))
    [row] = post.rows("webhook")
    with db.writing(post.cloud.engine) as connection:
        assert outbox.again(connection, row["id"], NOW) is None
        assert "no such row" in str(outbox.again(connection, "nothing", NOW))
    webhook = FakeChannel()
    settle(post.worker(webhook))
    assert [notice.id for notice, _ in webhook.got] == [row["id"]]
    with db.writing(post.cloud.engine) as connection:
        assert "handed" in str(outbox.again(connection, row["id"], NOW))
        connection.execute(update(tables.outbox).where(tables.outbox.c.id == row["id"]).values(state=fates.GONE))
        assert "over since" in str(outbox.again(connection, row["id"], NOW + HOUR))


def test_two_rows_that_two_workers_finish_at_once_lead_to_the_next_channel(cloud: Cloud) -> None:
    post = Post(cloud)
    for to in ("one", "two"):
        post.reach("webhook", to=to)
    post.reach("email")
    post.push("webhook", "email")
    barrier = Barrier(2)
    taken = take(post)

    def finish(one: Taken) -> None:
        barrier.wait()
        with outbox.turn(cloud.engine) as connection:
            outbox.record(connection, [(one, Gone())], NOW, lambda: 0.0)

    threads = [Thread(target=finish, args=(one,)) for one in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert post.states() == {"in-app": ["handed"], "webhook": ["gone", "gone"], "email": ["due"]}
