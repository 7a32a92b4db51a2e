"""Those who wait are served together, each with its own answer."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from aircue_cloud.ingest.group_commit import GroupCommit


def test_whoever_comes_while_it_is_under_way_is_served_by_the_next_together() -> None:
    groups: list[Sequence[int]] = []
    first, go_on = Event(), Event()

    def write(items: Sequence[int]) -> list[int | Exception]:
        groups.append(items)
        first.set()
        assert go_on.wait(10)
        return [item * 10 for item in items]

    together: GroupCommit[int, int] = GroupCommit(write)
    with ThreadPoolExecutor(8) as pool:
        begun = pool.submit(together.submit, 0)
        assert first.wait(10)
        others = [pool.submit(together.submit, number) for number in range(1, 8)]
        while len(together._waiting) < 7:
            pass
        go_on.set()
        assert [one.result(10) for one in (begun, *others)] == [number * 10 for number in range(8)]
    assert [sorted(group) for group in groups] == [[0], list(range(1, 8))]


def test_everyone_of_many_threads_gets_its_own_answer_even_none() -> None:
    together: GroupCommit[int, int | None] = GroupCommit(lambda items: [one if one % 3 else None for one in items])
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(together.submit, range(2000)))
    assert found == [one if one % 3 else None for one in range(2000)]


def test_one_that_cannot_be_written_spoils_no_other() -> None:
    def write(items: Sequence[int]) -> list[int | Exception]:
        if 3 in items:
            raise ValueError("three")
        return [one if one != 5 else KeyError("five") for one in items]

    together: GroupCommit[int, int] = GroupCommit(write)

    def submitted(item: int) -> str:
        try:
            return str(together.submit(item))
        except (ValueError, KeyError) as error:
            return type(error).__name__

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(submitted, range(8)))
    assert found == ["0", "1", "2", "ValueError", "4", "KeyError", "6", "7"]
    with pytest.raises(ValueError, match="three"):
        together.submit(3)
