"""Heads of tables, of which most are numbers. Pure."""

from collections.abc import Iterable

from aircue_cloud.web.listing import Column


def numbers(labels: Iterable[str]) -> list[Column]:
    """Set flush right."""
    return [Column(label=label, number=True) for label in labels]
