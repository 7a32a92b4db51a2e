"""What a filter has learnt, as plain JSON and back, so that a restart does not begin it anew.

Only what differs from a filter that was just made is kept: what the configuration says is there already, whoever makes
the next one. A filter's own numbers, and its rows of numbers, are all it has.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from aircue_gateway.cleaning.pipeline import Pipeline
from aircue_gateway.cleaning.spike import Suspect

Fields = dict[str, Any]
_PLAIN = (float, int, str, bool, type(None))
_ROWS = {3: Suspect}  # by length, for those that have names


def learnt(one: object, fresh: object) -> Fields:
    """By attribute.

    >>> from aircue_gateway.cleaning.smoothing import Ewma
    >>> ewma = Ewma(tau_s=60)
    >>> _ = ewma.update(0.0, 20.5)
    >>> learnt(ewma, Ewma(tau_s=60))
    {'_at': 0.0, '_mean': 20.5}
    """
    before = vars(fresh)
    return {name: _written(value) for name, value in vars(one).items() if _is_memory(value) and value != before[name]}


def teach(one: object, fields: Fields) -> None:
    """Makes a fresh filter what another one was. An attribute it does not know is passed over."""
    for name, value in fields.items():
        if name in vars(one):
            setattr(one, name, _like(getattr(one, name), value))


def of_pipeline(one: Pipeline, fresh: Pipeline) -> list[Fields]:
    return [learnt(*pair) for pair in zip(_parts(one), _parts(fresh), strict=True)]


def teach_pipeline(one: Pipeline, kept: Sequence[Fields]) -> None:
    for part, fields in zip(_parts(one), kept, strict=True):
        teach(part, fields)


def _parts(one: Pipeline) -> Iterator[object]:
    """Itself, and what it runs its values through."""
    yield one
    yield from one.filters
    yield one.smoother
    if one.deadband is not None:
        yield one.deadband


def _is_memory(value: object) -> bool:
    """A number, or rows of numbers; neither the parts of a pipeline nor its functions."""
    if isinstance(value, (list, deque)):
        return all(isinstance(one, _PLAIN) or _is_row(one) for one in value)
    return isinstance(value, _PLAIN)


def _is_row(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, _PLAIN) for one in value)


def _written(value: Any) -> Any:
    return list(value) if isinstance(value, deque) else value


def _like(before: Any, value: Any) -> Any:
    """The value in the shape in which the filter has it."""
    if not isinstance(value, list):
        return value
    rows = [_ROWS.get(len(one), _tuple)(*one) if isinstance(one, list) else one for one in value]
    return deque(rows) if isinstance(before, deque) else rows


def _tuple(*fields: Any) -> tuple[Any, ...]:
    return fields
