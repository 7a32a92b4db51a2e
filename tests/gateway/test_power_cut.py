"""The power goes at any instruction: what the spool promised is there when it is opened again, on a simulated disk.

AIRCUE_LONG=1 looks at some 15,000 states, `python -m tests.bench.gateway_spool` does so too.
"""

import os

import pytest
from tests.gateway import spool_story
from tests.gateway.recorded_disk import ForgetsToSync, ForgetsToSyncNames, RecordedDisk, SyncsTooLate
from tests.gateway.spool_story import cut_everywhere

from aircue_gateway.batch import Loss
from aircue_gateway.ledger import Count
from aircue_gateway.spool.book import Book

LONG = bool(os.environ.get("AIRCUE_LONG"))


@pytest.mark.parametrize("seed", range(8 if LONG else 1))
def test_nothing_promised_is_missing_after_a_power_cut_anywhere(seed: int) -> None:
    cuts = cut_everywhere(RecordedDisk(), seed, steps=200 if LONG else 50, samples=2 if LONG else 0)
    assert cuts.violations == []
    assert cuts.points > (1500 if LONG else 300)


def test_a_spool_that_is_full_thins_and_drops_through_power_cuts_too() -> None:
    cuts = cut_everywhere(RecordedDisk(), 5, steps=200, every=1 if LONG else 11)
    assert cuts.violations == []
    assert cuts.counters[Count.SAMPLES_THINNED] > 0


@pytest.mark.parametrize("disk", [ForgetsToSync, ForgetsToSyncNames, SyncsTooLate])
def test_a_forgotten_sync_of_a_file_of_the_folder_or_an_ack_before_it_is_seen(disk: type[RecordedDisk]) -> None:
    assert cut_everywhere(disk(), 0, steps=10).violations


def test_a_loss_that_is_not_declared_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Book, "_lose", lambda _book, _name, _lost: None)
    assert cut_everywhere(RecordedDisk(), 5, steps=200, every=23).violations


def test_a_batch_that_changes_after_it_was_given_out_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this story batches that were given out are old enough to be thinned."""
    monkeypatch.setattr(spool_story.Spool, "_offer", lambda _spool, _sequence: None)
    assert cut_everywhere(RecordedDisk(), 3, steps=300, every=101).violations


def test_two_losses_of_a_boot_become_one_row_that_counts_both() -> None:
    rows = [["bath", 1, 2, 10, 20, 5, "gateway"], ["bath", 1, 2, 4, 8, 3, "gateway"]]
    book = Book("e")
    book._lose(Count.SAMPLES_THINNED, rows)
    expected = Loss(node="bath", installation=1, boot=2, first=4, last=20, samples=8, where="gateway")
    assert list(book.untold()) == [expected]
