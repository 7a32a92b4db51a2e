"""What the comparison with others counts, and what it prints where one of them is not to be had."""

import json
import urllib.request
from pathlib import Path

import pytest
from tests.bench import gateway_peers
from tests.bench.gateway_peers import HttpSink, NotHere, Program
from tests.gateway.samples import live


@pytest.mark.parametrize(
    "body",
    [
        live(12),
        json.dumps({"metrics": [{"fields": {"value": live(12).decode()}}]}).encode(),
        b'{"bathroom":[{"ts":1763751000000,"values":{"s":12}}]}',
    ],
)
def test_the_number_of_a_sample_is_found_in_whatever_a_peer_wraps_around_it(body: bytes) -> None:
    assert gateway_peers.numbers(body) == [12]


def posted(sink: HttpSink, body: bytes) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/", data=body, timeout=10) as answer:
        return int(answer.status)


def test_a_sink_counts_what_comes_and_nobody_listens_while_it_is_away() -> None:
    sink = HttpSink()
    sink.come()
    assert [posted(sink, live(number)) for number in (1, 2, 2)] == [200, 200, 200]
    sink.go()
    with pytest.raises(OSError, match="refused"):
        posted(sink, live(3))
    sink.come()
    posted(sink, live(4))
    assert sink.came() == {1: 1, 2: 2, 4: 1}
    sink.go()


def test_what_cannot_be_installed_is_null_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_folder: Path, _broker: int, _sink: int) -> Program:
        raise NotHere("npm is not installed")

    monkeypatch.setattr(gateway_peers, "Mosquitto", lambda _folder: type("Broker", (), {"port": 1})())
    found = gateway_peers._or_why("node_red", never, tmp_path, 10, 1.0)
    assert found == {
        "node_red_msgs_per_s": None,
        "node_red_rss_mb": None,
        "node_red_delivered": None,
        "node_red_duplicates": None,
        "node_red_why": "npm is not installed",
    }


def test_a_program_that_is_missing_or_fails_is_told_by_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(NotHere, match="no-such-program is not installed"):
        gateway_peers._installed(["no-such-program"], tmp_path)
    with pytest.raises(NotHere, match="No such file"):
        gateway_peers._installed(["ls", "/no/such/folder"], tmp_path)
