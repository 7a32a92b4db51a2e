"""Objects in any store that speaks S3, through boto3. Credentials come the way boto3 finds them (environment, files).

put counts on conditional writes (If-None-Match): of two writers of one key the second must find out.
Errors: ObjectConflict and KeyError as in objects; SettingsError where boto3 is not installed; what the store itself
refuses is boto3's ClientError.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from aircue_cloud.errors import ObjectConflict, SettingsError
from aircue_cloud.objects import checked

_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Where somebody without credentials may put one object, for a while, with exactly these headers."""

    url: str
    headers: dict[str, str]


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
