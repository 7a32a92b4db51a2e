"""Objects in any store that speaks S3, through boto3. Credentials come the way boto3 finds them (environment, files).

put counts on conditional writes (If-None-Match): of two writers of one key the second must find out.
Errors: ObjectConflict and KeyError as in objects; SettingsError where boto3 is not installed; what the store itself
refuses is boto3's ClientError.
"""

import base64
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from aircue_cloud.errors import ObjectConflict, SettingsError
from aircue_cloud.objects import checked

log = logging.getLogger(__name__)

_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Where somebody without credentials may put one object, for a while, with exactly these headers."""

    url: str
    headers: dict[str, str]


# What a bucket is set to, by the call that does it.
_BUCKET_SETTINGS: dict[str, dict[str, Any]] = {
    "put_public_access_block": {
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        }
    },
    "put_bucket_encryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        }
    },
    "put_bucket_lifecycle_configuration": {
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "ID": "uploads-nobody-took-in",
                    "Filter": {"Prefix": "incoming/"},
                    "Status": "Enabled",
                    "Expiration": {"Days": 7},
                },
                {
                    "ID": "parts-of-uploads",
                    "Filter": {"Prefix": ""},
                    "Status": "Enabled",
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                },
            ]
        }
    },
}


def policy(bucket: str, gateway: str) -> dict[str, Any]:
    """What a gateway's own credentials may do, for stores whose gateways have some: put what is on its way, below its
    own name, over an encrypted connection; read, list and remove nothing."""
    own = f"arn:aws:s3:::{bucket}/incoming/{checked(gateway)}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "PutBelowItsOwnName", "Effect": "Allow", "Action": "s3:PutObject", "Resource": own},
            {
                "Sid": "NothingInTheClear",
                "Effect": "Deny",
                "Action": "s3:*",
                "Resource": f"arn:aws:s3:::{bucket}/*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }


class S3Store:
    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        """prefix: what every key in the bucket begins with, and nobody outside of this class sees."""
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def open(cls, bucket: str, endpoint_url: str, region: str, prefix: str = "") -> "S3Store":
        try:
            boto3, configs = import_module("boto3"), import_module("botocore.config")
        except ModuleNotFoundError as error:
            raise SettingsError("s3_bucket is set, and boto3 is not installed: pip install aircue[cloud,s3]") from error
        # A path works with every store; a bucket as a host name needs a name server that knows it.
        config = configs.Config(signature_version="s3v4", s3={"addressing_style": "path" if endpoint_url else "auto"})
        client = boto3.client("s3", region_name=region, endpoint_url=endpoint_url or None, config=config)
        return cls(client, bucket, prefix)

    def _name(self, key: str) -> str:
        return self._prefix + checked(key)

    def make_bucket(self, region: str) -> None:
        """Creates the bucket where it is missing; then no public access, encryption at rest, and an end for what was
        left on its way. May be repeated."""
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._client.create_bucket(Bucket=self._bucket, **where)
        except self._client.exceptions.BucketAlreadyOwnedByYou:
            log.info("bucket %s is there already", self._bucket)
        for call, settings in _BUCKET_SETTINGS.items():
            getattr(self._client, call)(Bucket=self._bucket, **settings)

    def put(self, key: str, data: bytes) -> bool:
        try:
            self._client.put_object(Bucket=self._bucket, Key=self._name(key), Body=data, IfNoneMatch="*")
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in _TAKEN:
                raise
            if self.get(key) != data:
                raise ObjectConflict(f"object {key} is there already with other content") from error
            return False
        return True

    def get(self, key: str) -> bytes:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._name(key))
        except self._client.exceptions.NoSuchKey as error:
            raise KeyError(key) from error
        body: bytes = answer["Body"].read()
        return body

    def list(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        for page in pages:
            yield from (row["Key"].removeprefix(self._prefix) for row in page.get("Contents", ()))

    def remove(self, key: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=self._name(key))

    def upload(self, key: str, size: int, sha256: bytes, seconds: int) -> Upload:
        """Signed: the key, the length and the checksum; the store itself refuses anything else."""
        checksum = base64.b64encode(sha256).decode()
        fields = {"Bucket": self._bucket, "Key": self._name(key), "ContentLength": size, "ChecksumSHA256": checksum}
        url = self._client.generate_presigned_url("put_object", Params=fields, ExpiresIn=seconds)
        return Upload(url=url, headers={"Content-Length": str(size), "x-amz-checksum-sha256": checksum})
