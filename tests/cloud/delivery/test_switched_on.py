"""Channels that are switched on by configuration, and what that loads."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cloud.delivery.stage import notice
from tests.cloud.stage import NOW

from aircue_cloud import config
from aircue_cloud.config import Config
from aircue_cloud.delivery import switched_on
from aircue_cloud.delivery.apprise import AppriseChannel
from aircue_cloud.delivery.channel import GUARANTEES, Handed, Refused, Unknown
from aircue_cloud.errors import SettingsError

# Of a plug-in that Apprise loads with all the others.
plug_ins = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

PAGE = Path(__file__).parents[3] / "docs" / "delivery.md"


def loaded(folder: Path, text: str) -> Config:
    path = folder / "cloud.toml"
    path.write_text(text)
    return config.load(path)


@plug_ins
def test_every_channel_is_switched_on_by_the_table_that_its_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    found = loaded(tmp_path, PAGE.read_text().partition("```toml")[2].partition("```")[0])
    channels = switched_on.open_channels(found, found.place("main"))
    for channel in channels.values():
        channel.close()
    assert {name: channel.name for name, channel in channels.items()} == {name: name for name in switched_on.OPENERS}
    assert {name: channel.guarantee for name, channel in channels.items()} | {"in-app": "exactly once"} == GUARANTEES
    assert switched_on.settings(found).at_once == 16


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[delivery]\nsms = 1", "sms"),
        ("[delivery]\nat_once = 0", "at_once"),
        ("[delivery]\nlease_s = 0.5", "lease_s"),
        ('[delivery.email]\nhost = "x"', "sender"),
        ('[delivery.web-push]\ncontact = "somebody"', "contact"),
        ('[delivery.apprise]\nfamily = "nonsense"', "family"),
        ("[delivery.webhook]\nport = 80", "port"),
        ("[delivery.sns]\nregion = 5", "region"),
    ],
)
def test_a_channel_that_could_not_work_is_told_at_start(tmp_path: Path, text: str, word: str) -> None:
    found = loaded(tmp_path, text)

    def open_all() -> None:
        switched_on.settings(found)
        switched_on.open_channels(found, found.place("main"))

    with pytest.raises(SettingsError, match=word):
        open_all()


LOADED = """
import sys
from pathlib import Path
import aircue_cloud.delivery.opening
from aircue_cloud.config import Config
from aircue_cloud.delivery import switched_on
config = Config(data_dir=sys.argv[1], delivery={"webhook": {}} if sys.argv[2] else {})
switched_on.open_channels(config, config.place("main"))
heavy = ("pywebpush", "apprise", "boto3", "paho", "standardwebhooks", "smtplib", "aiohttp", "requests")
print(*[name for name in heavy if name in sys.modules])
"""


@pytest.mark.parametrize(("webhook", "expected"), [("", ""), ("on", "standardwebhooks")])
def test_what_a_channel_needs_is_loaded_when_it_is_switched_on(tmp_path: Path, webhook: str, expected: str) -> None:
    command = [sys.executable, "-c", LOADED, str(tmp_path), webhook]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


@plug_ins
def test_apprise_reaches_the_operators_targets_and_whatever_it_does_not_affirm_is_in_doubt(tmp_path: Path) -> None:
    """With Apprise's own plug-ins against a small server of this test's."""
    from tests.cloud.delivery.plain import http

    with http() as server:
        targets = {"family": f"json://127.0.0.1:{server.port}/in", "dead": "json://127.0.0.1:9/"}
        channel = AppriseChannel(targets, "[delivery.apprise]", timeout_s=20.0)
        try:
            assert channel.amiss({"target": "family"}) is None
            assert [channel.amiss(one) is None for one in ({"target": "else"}, {"target": "json://x/"}, {})] == [
                False
            ] * 3
            found = [channel.hand_over(notice(), {"target": name}, NOW) for name in ("family", "dead", "else")]
            server.status = 500
            found.append(channel.hand_over(notice(), {"target": "family"}, NOW))
            server.silent = True
            quick = AppriseChannel(targets, "[delivery.apprise]", timeout_s=0.2)
            found.append(quick.hand_over(notice(), {"target": "family"}, NOW))
            server.silent = False
            quick.close()
        finally:
            channel.close()
    assert [type(one) for one in found] == [Handed, Unknown, Refused, Unknown, Unknown]
    assert notice().title.encode() in server.got[0]
