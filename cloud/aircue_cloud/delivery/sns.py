"""AWS SNS through boto3: a text message to a phone, or a mobile app's endpoint. At most once: SNS has no id of ours.

Credentials come the way boto3 finds them (environment, files, the machine's role).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from aircue_cloud.delivery.channel import AT_MOST_ONCE, Address, Failed, Gone, Handed, Refused, Result, Unknown
from aircue_cloud.delivery.notice import Notice, encode, fields

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_APP = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:endpoint/[A-Za-z0-9_./-]{1,200}")
_KINDS = {"phone": ("PhoneNumber", _PHONE), "endpoint": ("TargetArn", _APP)}
_GONE = ("EndpointDisabled", "NotFound", "OptedOut")
_NOT_NOW = ("Throttled", "Throttling", "ThrottlingException", "InternalError", "ServiceUnavailable", "KMSThrottling")
_NOTHING_SENT = (EndpointConnectionError, ConnectTimeoutError, NoCredentialsError)


@dataclass(frozen=True, kw_only=True)
class SnsSettings:
    """[delivery.sns]. endpoint_url: of something else that speaks SNS."""

    region: str
    endpoint_url: str = ""
    timeout_s: float = 10.0


class SnsChannel:
    name = "sns"
    guarantee = AT_MOST_ONCE

    def __init__(self, settings: SnsSettings) -> None:
        once = Config(
            connect_timeout=settings.timeout_s,
            read_timeout=settings.timeout_s,
            retries={"total_max_attempts": 1},  # what may have arrived is not sent again
        )
        session = boto3.session.Session(region_name=settings.region)
        self._client: Any = session.client("sns", endpoint_url=settings.endpoint_url or None, config=once)

    def amiss(self, address: Address) -> str | None:
        expected = "expected phone (+ and digits) or endpoint (the ARN of an app's)"
        if len(address) != 1 or next(iter(address)) not in _KINDS:
            return expected
        [(kind, value)] = address.items()
        return None if isinstance(value, str) and _KINDS[kind][1].fullmatch(value) else expected

    def hand_over(self, notice: Notice, address: Address, now: datetime) -> Result:
        if self.amiss(address) is not None:
            return Refused(detail="the address is no phone and no app")
        [(kind, value)] = address.items()
        try:
            self._client.publish(**{_KINDS[kind][0]: value}, **_content(notice, kind))
        except ClientError as error:
            return _refused(error.response["Error"]["Code"])
        except _NOTHING_SENT as error:
            return Failed(detail=type(error).__name__)
        except BotoCoreError as error:
            return Unknown(detail=type(error).__name__)
        return Handed()

    def close(self) -> None:
        self._client.close()


def _content(notice: Notice, kind: str) -> dict[str, str]:
    if kind == "phone":
        return {"Message": f"{notice.title}. {notice.reason} {notice.home}"}
    app = {"default": notice.title, "GCM": encode({"data": {"notice": encode(fields(notice))}})}
    return {"Message": encode(app), "MessageStructure": "json"}


def _refused(code: str) -> Result:
    if code.startswith(_GONE):
        return Gone(detail=code)
    return Failed(detail=code) if code.startswith(_NOT_NOW) else Refused(detail=code)
