"""AWS SNS through boto3 against moto's server, a process-wide stand-in for Amazon's."""

from collections.abc import Iterator

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer
from tests.cloud.delivery.stage import notice
from tests.cloud.stage import NOW

from aircue_cloud.delivery.channel import Failed, Gone, Handed, Refused
from aircue_cloud.delivery.sns import SnsChannel, SnsSettings, _refused

pytestmark = pytest.mark.system

REGION = "eu-central-1"


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def app(url: str, *, on: bool = True) -> str:
    client = boto3.client("sns", region_name=REGION, endpoint_url=url)
    platform = client.create_platform_application(Name="app", Platform="GCM", Attributes={})["PlatformApplicationArn"]
    made = client.create_platform_endpoint(
        PlatformApplicationArn=platform, Token=f"token-{on}", Attributes={"Enabled": str(on).lower()}
    )
    client.close()
    return str(made["EndpointArn"])


def test_phones_and_apps_are_reached_and_an_app_that_was_removed_is_gone(url: str) -> None:
    channel = SnsChannel(SnsSettings(region=REGION, endpoint_url=url))
    try:
        live, dead = app(url), app(url, on=False)
        addresses = ({"phone": "+491701234567"}, {"endpoint": live}, {"endpoint": dead}, {"endpoint": f"{live}x"})
        assert [channel.amiss(one) for one in addresses] == [None] * 4
        found = [channel.hand_over(notice(), one, NOW) for one in addresses]
    finally:
        channel.close()
    assert [type(one) for one in found] == [Handed, Handed, Gone, Gone]


def test_where_sns_cannot_be_reached_nothing_was_sent(url: str, free_port: int) -> None:
    channel = SnsChannel(SnsSettings(region=REGION, endpoint_url=f"http://127.0.0.1:{free_port}", timeout_s=2.0))
    try:
        assert isinstance(channel.hand_over(notice(), {"phone": "+491701234567"}, NOW), Failed)
    finally:
        channel.close()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("EndpointDisabled", Gone),
        ("Throttling", Failed),
        ("InvalidParameter", Refused),
        ("AuthorizationError", Refused),
    ],
)
def test_what_sns_says_is_told_apart(code: str, expected: type) -> None:
    assert isinstance(_refused(code), expected)


@pytest.mark.parametrize(
    "address",
    [{}, {"phone": "0170 1234567"}, {"phone": "+1"}, {"endpoint": "arn:aws:sns:eu-central-1:1:topic"}, {"topic": "x"}],
)
def test_what_is_no_phone_and_no_app_is_no_address(url: str, address: dict[str, str]) -> None:
    channel = SnsChannel(SnsSettings(region=REGION, endpoint_url=url))
    try:
        assert channel.amiss(address) is not None
        assert isinstance(channel.hand_over(notice(), address, NOW), Refused)
    finally:
        channel.close()
