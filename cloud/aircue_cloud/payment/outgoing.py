"""The way out to providers: their own fixed addresses over HTTPS, without redirects, within a time and a size."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from aircue_cloud.payment.provider import Answered, ProviderDown

_LARGEST = 4 * 1024 * 1024  # bytes of an answer
_TIMEOUT = urllib3.Timeout(connect=10, read=20)


class Outgoing:
    """Http over one pool of connections; any number of threads may use it."""

    def __init__(self, timeout: urllib3.Timeout = _TIMEOUT) -> None:
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        host = urlsplit(url).hostname
        try:
            answer = self._pool.request(
                method, url, headers=dict(headers), body=body or None, redirect=False, preload_content=False
            )
            try:
                said = answer.read(_LARGEST + 1, decode_content=True)
            finally:
                answer.release_conn()
        except (HTTPError, OSError, ValueError) as error:
            raise ProviderDown(f"{host} did not answer: {type(error).__name__}") from error
        if len(said) > _LARGEST:
            raise ProviderDown(f"{host} answered with more than {_LARGEST} bytes")
        return Answered(answer.status, {name.lower(): value for name, value in answer.headers.items()}, said)

    def close(self) -> None:
        self._pool.clear()
