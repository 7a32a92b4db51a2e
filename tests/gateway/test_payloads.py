"""Our payload format: the golden files decode, and what the contract does not allow is named."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.golden import golden

from aircue_gateway.payloads import aircue
from aircue_gateway.payloads.aircue import PayloadError
from aircue_node import contract

TOPIC = "aircue/home-1/bathroom/samples"


def payload(name: str) -> bytes:
    text: str = golden(name)["payload"]
    return text.encode()


def changed(name: str, **fields: Any) -> bytes:
    return json.dumps({**json.loads(payload(name)), **fields}).encode()


def lists(rows: Any) -> Any:
    """As JSON has it: tuples become lists."""
    return json.loads(json.dumps(rows))


def refusal(decode: Callable[..., Any], *args: Any) -> str | None:
    """What a decoder says against its input, None where it takes it; any other error passes."""
    try:
        decode(*args)
    except PayloadError as error:
        return str(error)
    return None


def test_the_golden_birth() -> None:
    birth, fields = aircue.decode_birth(TOPIC, payload("birth")), golden("birth")["fields"]
    assert (birth.firmware, birth.hardware, birth.reset) == (fields["firmware"], fields["hardware"], fields["reset"])
    assert (birth.installation, birth.boot) == (fields["installation"], fields["boot"])
    assert birth.interval_ms == fields["interval_ms"]
    assert [[c.quantity, c.unit, c.scale] for c in birth.channels] == [row[:3] for row in fields["channels"]]
    assert lists(birth.sensors) == fields["sensors"]
    assert [[row.boot, row.first, row.last, row.samples] for row in birth.losses] == fields["loss"]


def test_the_golden_sample() -> None:
    samples, fields = aircue.decode_samples(TOPIC, payload("samples")), golden("samples")["fields"]
    assert (samples.installation, samples.boot) == (fields["installation"], fields["boot"])
    assert [lists(aircue.decode_sample(TOPIC, row, 3)) for row in samples.rows] == [fields["sample"]]


def test_the_golden_backlog() -> None:
    samples, fields = aircue.decode_backlog(TOPIC, payload("backlog")), golden("backlog")["fields"]
    assert (samples.installation, samples.boot) == (fields["installation"], fields["boot"])
    assert [lists(aircue.decode_sample(TOPIC, row, 3)) for row in samples.rows] == fields["samples"]


def test_the_golden_status_and_will() -> None:
    status, fields = aircue.decode_status(TOPIC, payload("status")), golden("status")["fields"]
    assert (status.online, status.installation, status.boot) == (True, fields["installation"], fields["boot"])
    assert (status.uptime_ms, status.free) == (fields["uptime_ms"], fields["free"])
    assert (status.waiting, dict(status.faults)) == (fields["waiting"], fields["faults"])
    assert (status.refused, status.refusals) == ("", 0)
    told = aircue.decode_status(TOPIC, changed("status", refused="packet type 0", refusals=2))
    assert (told.refused, told.refusals) == ("packet type 0", 2)
    will = aircue.decode_status(TOPIC, golden("status")["will"].encode())
    assert (will.online, will.uptime_ms, will.boot) == (False, None, fields["boot"])


def test_a_status_may_tell_what_the_nodes_own_deadband_held_back() -> None:
    assert aircue.decode_status(TOPIC, payload("status")).suppressed == 0
    assert aircue.decode_status(TOPIC, changed("status", suppressed=7)).suppressed == 7


def test_the_golden_replies() -> None:
    for reply in golden("reply")["replies"]:
        decoded = aircue.decode_reply(TOPIC, reply["payload"].encode())
        assert {"ident": decoded.ident, "error": decoded.error} == reply["fields"]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (b"\xff\x00", "payload"),
        (b"[" * 100_000, "payload"),
        (b"[1]", "payload"),
        (changed("samples", i=None), "i"),
        (changed("samples", i=-1), "i"),
        (changed("samples", b=True), "b"),
        (changed("samples", b=2**32), "b"),
    ],
)
def test_a_message_without_a_known_sender_is_refused_whole(bad: bytes, field: str) -> None:
    with pytest.raises(PayloadError, match=rf"{TOPIC}: {field}: expected"):
        aircue.decode_samples(TOPIC, bad)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"s": 0}, "s"),
        ({"s": 1.0}, "s"),
        ({"u": -1}, "u"),
        ({"t": None}, "t"),
        ({"v": [1, 2]}, "v"),
        ({"v": [1, 2, 3, 4]}, "v"),
        ({"v": [1, 2, 3.5]}, "v"),
        ({"v": [1, 2, True]}, "v"),
        ({"v": [1, 2, 2**31]}, "v"),
        ({"v": "123"}, "v"),
    ],
)
def test_a_bad_sample_names_its_field(fields: dict[str, Any], field: str) -> None:
    row = {**json.loads(payload("samples")), **fields}
    with pytest.raises(PayloadError, match=f"{TOPIC}: {field}: expected"):
        aircue.decode_sample(TOPIC, row, 3)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"v": 2}, "contract version 1, found 2: update this gateway"),
        ({"fw": 3}, "fw: expected a text"),
        ({"quantities": []}, "1 to 32 of them"),
        ({"quantities": [7]}, "objects with q, u, scale and sensor"),
        ({"quantities": [{"q": "mood", "u": "1", "scale": 1}]}, "found 'mood': update this gateway"),
        ({"quantities": [{"q": "temperature", "u": "K", "scale": 1}]}, "expected Cel for temperature, found 'K'"),
        ({"quantities": [{"q": "co2", "u": "ppm", "scale": 0}]}, "scale: expected a whole number"),
        ({"quantities": [{"q": "co2", "u": "ppm", "scale": 1}] * 2}, "each quantity once"),
        ({"sensors": [["sht4x", "ok"]]}, "objects with sensor and state"),
        ({"loss": [[16, 5, 4, 1]]}, "1 <= first <= last"),
        ({"loss": [[16, 5, 6]]}, r"rows of \[boot, first, last, samples\]"),
    ],
)
def test_a_bad_birth_names_its_field(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        aircue.decode_birth(TOPIC, changed("birth", **fields))


@pytest.mark.parametrize(
    "fields", [{"state": "asleep"}, {"u": "1"}, {"faults": []}, {"faults": {"sht4x": -1}}, {"suppressed": "7"}]
)
def test_a_bad_status_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        aircue.decode_status(TOPIC, changed("status", **fields))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ibsutvmqc"), inner, max_size=5),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "decode",
    [aircue.decode_samples, aircue.decode_backlog, aircue.decode_birth, aircue.decode_status, aircue.decode_reply],
)
@given(document=JSON, noise=st.binary(max_size=20))
def test_no_payload_raises_anything_but_payload_error(decode: Any, document: Any, noise: bytes) -> None:
    for data in (json.dumps(document).encode(), noise):
        said = refusal(decode, TOPIC, data)
        assert said is None or said.startswith(TOPIC)


@given(JSON)
def test_no_row_raises_anything_but_payload_error(row: Any) -> None:
    said = refusal(aircue.decode_sample, TOPIC, row, 3)
    assert said is None or said.startswith(TOPIC)
    assert aircue.sequence_of(row) is None or row["s"] >= 1


_odd = st.one_of(st.integers(-2, 3), st.integers(), st.booleans(), st.none(), st.floats(), st.text(max_size=3))
_whole = st.integers(0, 2**50)
_values = st.lists(_whole | _odd, max_size=4) | _odd
_spaces = st.sampled_from(["", " ", "\ufeff", "]"])


@given(
    st.fixed_dictionaries({}, optional={**dict.fromkeys("ibsut", _whole | _odd), "v": _values}),
    _spaces,
    _spaces,
    st.sampled_from(["utf-8", "utf-16"]),
)
def test_the_short_way_takes_what_the_long_way_takes_and_reads_the_same(
    fields: dict[str, Any], before: str, after: str, encoding: str
) -> None:
    raw = (before + json.dumps(fields) + after).encode(encoding)
    plain = aircue.plain_sample(raw)
    if plain is not None:
        installation, boot, sample = plain
        samples = aircue.decode_samples(TOPIC, raw)
        assert (installation, boot) == (samples.installation, samples.boot)
        assert sample == aircue.decode_sample(TOPIC, samples.rows[0], len(sample.values))


@given(
    *[st.integers(0, 2**32 - 1)] * 2,
    st.tuples(
        st.integers(1, 2**32 - 1),
        st.integers(0, 2**48),
        st.integers(0, 2**40),
        st.lists(st.none() | st.integers(1 - 2**31, 2**31 - 1), max_size=6),
    ),
)
def test_what_a_node_sends_goes_the_short_way(installation: int, boot: int, row: tuple[Any, ...]) -> None:
    plain = aircue.plain_sample(contract.encode_sample(installation, boot, row))
    assert plain == (installation, boot, (*row[:3], tuple(row[3])))


@pytest.mark.parametrize("raw", [b"", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"i":1}', b"null"])
def test_what_is_no_sample_goes_the_long_way(raw: bytes) -> None:
    assert aircue.plain_sample(raw) is None


SAMPLE = {"i": 1, "b": 1, "s": 1, "u": 1, "t": 0, "v": [1, None]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(name, odd) for name in "ibsut" for odd in (True, 1.0, "1", None, -1, 2**49)],
        *[("s", 0), ("i", 2**32), ("b", 2**32), ("s", 2**32)],
        *[("v", odd) for odd in (None, 1, {}, [True], [1.0], ["1"], [[]], [2**31], [-(2**31)])],
    ],
)
def test_a_field_that_is_unusual_goes_the_long_way(field: str, value: Any) -> None:
    assert aircue.plain_sample(json.dumps(SAMPLE).encode()) == (1, 1, (1, 1, 0, (1, None)))
    assert aircue.plain_sample(json.dumps({**SAMPLE, field: value}).encode()) is None


@pytest.mark.parametrize("more", ["]", "{}", " 1", "\n"])
def test_what_comes_behind_a_sample_goes_the_long_way(more: str) -> None:
    assert aircue.plain_sample((json.dumps(SAMPLE) + more).encode()) is None
