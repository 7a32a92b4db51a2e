"""The node's end of contract version 1 against the golden files."""

import hashlib
import hmac
import json

import pytest
from tests.contract.golden import golden

from aircue_node import command_codec, contract


@pytest.mark.parametrize("leaf", ["birth", "samples", "backlog", "status", "ack", "command", "reply"])
def test_topic(leaf: str) -> None:
    assert contract.topic("home-1", "bathroom", leaf) == golden(leaf)["topic"]


def test_birth_has_the_fields_of_the_golden_birth() -> None:
    document = golden("birth")
    assert json.loads(contract.encode_birth(**document["fields"])) == json.loads(document["payload"])


def test_sample_is_the_golden_sample_byte_for_byte() -> None:
    document = golden("samples")
    assert contract.encode_sample(**document["fields"]).decode() == document["payload"]


def test_backlog_is_the_golden_backlog_byte_for_byte() -> None:
    document = golden("backlog")
    assert contract.encode_backlog(**document["fields"]).decode() == document["payload"]


def test_status_and_will_have_the_fields_of_the_golden_ones() -> None:
    document = golden("status")
    fields = document["fields"]
    assert json.loads(contract.encode_status(**fields)) == json.loads(document["payload"])
    assert json.loads(contract.encode_will(fields["installation"], fields["boot"])) == json.loads(document["will"])


def test_a_status_says_what_was_refused_only_where_something_was() -> None:
    fields = golden("status")["fields"]
    plain = json.loads(contract.encode_status(**fields, refused="", refusals=0))
    assert plain == json.loads(golden("status")["payload"])
    told = json.loads(contract.encode_status(**fields, refused="packet type 0 is reserved", refusals=3))
    assert told == {**plain, "refused": "packet type 0 is reserved", "refusals": 3}


def test_ack_is_encoded_and_decoded_as_the_golden_ack() -> None:
    document = golden("ack")
    fields = document["fields"]
    assert contract.encode_ack(**fields).decode() == document["payload"]
    ranges = [tuple(row) for row in fields["ranges"]]
    assert contract.decode_ack(document["payload"].encode()) == (fields["installation"], fields["boot"], ranges)


def test_command_of_the_golden_file_is_understood() -> None:
    document = golden("command")
    fields = command_codec.decode_command(document["payload"].encode(), document["key"].encode())
    assert fields == {"id": "7f3a", "command": "interval", "args": {"ms": 60000}, "i": 2779096485, "n": 12}


def test_command_signature_is_the_standard_librarys_hmac() -> None:
    document = golden("command")
    envelope = json.loads(document["payload"])
    expected = hmac.new(document["key"].encode(), envelope["c"].encode(), hashlib.sha256).hexdigest()
    assert envelope["m"] == expected


def test_command_under_a_key_longer_than_a_block_is_signed_as_the_standard_library_does() -> None:
    key = bytes(range(100))
    envelope = json.loads(command_codec.encode_command(key, "a", "interval", {}, 1, 1))
    assert envelope["m"] == hmac.new(key, envelope["c"].encode(), hashlib.sha256).hexdigest()


def test_replies_are_the_golden_replies() -> None:
    for row in golden("reply")["replies"]:
        assert json.loads(contract.encode_reply(**row["fields"])) == json.loads(row["payload"])


def test_six_quantities_fit_in_120_bytes() -> None:
    sample = (99999, 86400123, 1763751000, [2150, 8012, 812, 123, 10132, 100])
    assert len(contract.encode_sample(2**32 - 1, 9999, sample)) < 120


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (b"", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"i":1,"b":2}', "field r"),
        (b'{"i":"1","b":2,"r":[]}', "field i"),
        (b'{"i":1,"b":true,"r":[]}', "field b"),
        (b'{"i":1,"b":2,"r":[[5,4]]}', "no range"),
        (b'{"i":1,"b":2,"r":[[0,4]]}', "no range"),
        (b'{"i":1,"b":2,"r":[7]}', "no range"),
    ],
)
def test_malformed_ack_is_refused_and_the_error_names_the_field(payload: bytes, named: str) -> None:
    with pytest.raises(contract.ContractError, match=named):
        contract.decode_ack(payload)


def test_command_with_one_changed_character_is_refused() -> None:
    document = golden("command")
    payload = document["payload"].replace("60000", "60001").encode()
    with pytest.raises(contract.ContractError, match="signature"):
        command_codec.decode_command(payload, document["key"].encode())
