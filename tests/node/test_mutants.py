"""The mutator changes what it says, where it says, one place at a time, and every codec of a driver is in its table."""

import ast

import pytest
from tests import mutants

from aircue_node.sensors import fitting

SOURCE = '''
"""Docstring of 7."""
_LIMIT = 9
_OTHER = 1


def decode(word: int = 2) -> "int | None":
    """Never changed: 5."""
    if word > _LIMIT:
        raise ValueError(f"over {word} of 6")
    return _half(word)


def _half(word: int) -> int:
    return word // 2


class Driver:
    def read(self) -> int:
        return decode(8)
'''


def changed(source: str, *entries: str) -> list[str]:
    return [mutant.what for mutant in mutants.mutants(source, entries)]


def test_each_place_of_what_the_entry_uses_is_changed_and_nothing_else() -> None:
    assert changed(SOURCE, "decode") == [
        "9 -> 10",
        "9 -> 8",
        "2 -> 3",
        "2 -> 1",
        "if word > _LIMIT: -> if True:",
        "if word > _LIMIT: -> if False:",
        "Gt -> GtE",
        "Gt -> LtE",
        "raise ValueError(f'over {word} of 6') -> pass",
        "FloorDiv -> Mult",
        "2 -> 3",
        "2 -> 1",
    ]


def test_a_mutant_differs_in_one_place_and_the_next_begins_from_the_source() -> None:
    sources = [ast.unparse(mutant.tree) for mutant in mutants.mutants(SOURCE, ("_half",))]
    whole = ast.unparse(ast.parse(SOURCE))
    assert sources == [whole.replace("word // 2", new) for new in ("word * 2", "word // 3", "word // 1")]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("X = 0.5", ["0.5 -> 1.0", "0.5 -> 0.25"]),
        ("X = -4.0", ["-4.0 -> 4.0", "4.0 -> 5.0", "4.0 -> 3.0"]),
        ("X = b'ab'", ["b'ab' -> b'`b'", "b'ab' -> b'ac'"]),
        ("X = 'text'", []),
        ("X = not Y and Z", ["And -> Or", "not Y -> Y"]),
    ],
)
def test_constants_and_operators_are_changed_by_their_kind(source: str, expected: list[str]) -> None:
    assert changed(source, "X") == expected


def test_every_driver_has_its_codec_in_the_table() -> None:
    alike = {"bmp280": "bme280", "pms7003": "pms5003"}
    assert {alike.get(driver, driver) for driver in fitting.DRIVERS} <= set(mutants.CODECS)


@pytest.mark.parametrize("driver", mutants.CODECS)
def test_every_codec_has_places_to_change(driver: str) -> None:
    codec = mutants.CODECS[driver]
    source = (mutants.SENSORS / f"{codec.module}.py").read_text()
    assert next(mutants.mutants(source, codec.entries))
