"""What goes first when the spool is full: samples of old batches, one of each stretch of time stays. Pure.

Stretches are measured by the node's uptime: nothing here depends on any clock's idea of the date.
"""

from collections.abc import Iterator
from dataclasses import replace

from aircue_gateway.batch import Batch, Group, Loss, Sample

_FIRST_STRETCH_MS = 60_000
MOST_OFTEN = 7  # the last stretch is over an hour


def thinned(batch: Batch, level: int) -> tuple[Batch, list[Loss], int]:
    """The batch with one sample for each stretch, what that cost, and its level now. level: how often it was thinned.

    Stretches double until something goes. The batch itself comes back where nothing can.
    """
    while level < MOST_OFTEN:
        stretch_ms = _FIRST_STRETCH_MS << level
        level += 1
        groups = tuple(_sparse(group, stretch_ms) for group in batch.groups)
        losses = [loss for pair in zip(batch.groups, groups, strict=True) for loss in _difference(*pair)]
        if losses:
            return replace(batch, groups=groups), losses, level
    return batch, [], MOST_OFTEN


def _sparse(group: Group, stretch_ms: int) -> Group:
    first: dict[int, Sample] = {}
    for sample in group.samples:
        first.setdefault(sample.uptime_ms // stretch_ms, sample)
    return replace(group, samples=tuple(first.values()))


def _difference(before: Group, after: Group) -> Iterator[Loss]:
    kept = {sample.sequence for sample in after.samples}
    gone = [sample.sequence for sample in before.samples if sample.sequence not in kept]
    if gone:
        yield _loss(before, gone)


def _loss(group: Group, gone: list[int]) -> Loss:
    return Loss(
        node=group.node,
        installation=group.installation,
        boot=group.boot,
        first=min(gone),
        last=max(gone),
        samples=len(gone),
        where="gateway",
    )


def dropped(batch: Batch) -> list[Loss]:
    """What is lost when the whole batch goes."""
    return [_loss(group, [sample.sequence for sample in group.samples]) for group in batch.groups if group.samples]
