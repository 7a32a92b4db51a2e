"""URLs that people give us, checked against everything that is not for them: when they are saved, and again when
something is sent there, over a connection to the very address that was checked.

Refused are http, ports that nobody serves such things on, names and passwords in the URL, and every host any of whose
addresses is not on the public internet (loopback, private nets, link-local with its metadata services, and the same
dressed up as IPv6). Redirects are not followed.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from threading import Timer
from typing import TypeAlias
from urllib.parse import urlsplit

import urllib3.exceptions
from urllib3.connection import HTTPSConnection
from urllib3.util.ssl_match_hostname import CertificateError

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LONGEST = 2048
_READ = 4096  # of an answer, at most; what it says more is nobody's business


class Unsafe(ValueError):
    """Why a URL is not one that we send anything to."""


class NotReached(Exception):
    """For certain nothing was sent."""


class TooLong(Exception):
    """The other side says more than is taken."""


class NoAnswer(Exception):
    """Something may have been sent; what became of it, nobody knows."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotReached(f"the host's name leads nowhere: {error}") from error
    return [str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found]


def is_public(ip: Ip) -> bool:
    """Whether an address is somebody's on the internet, whatever it is dressed up as."""
    return ip.is_global and not ip.is_multicast and all(map(is_public, _within(ip)))


def _within(ip: Ip) -> list[Ip]:
    """IPv4 addresses that an IPv6 address leads to."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    inner: list[Ip] = [one for one in (ip.ipv4_mapped, ip.sixtofour) if one is not None]
    inner += list(ip.teredo or ())
    return [*inner, ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)] if ip in _NAT64 else inner


@dataclass(frozen=True, kw_only=True)
class Answered:
    """headers: names in small letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What may be reached. A test, whose servers are on loopback, has another one."""

    ports: frozenset[int] = frozenset({443})
    permits: Callable[[Ip], bool] = is_public
    resolve: Resolve = resolve
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    timeout_s: float = 10.0
    user_agent: str = "aircue-cloud"

    def check(self, url: str) -> tuple[str, int, str]:
        """Host, port, and the address to connect to. Unsafe says why not; NotReached where the name leads nowhere."""
        host, port = self._parts(url)
        found = [ipaddress.ip_address(one) for one in self.resolve(host, port)]
        if not found:
            raise NotReached("the host's name leads nowhere")
        if not all(map(self.permits, found)):
            raise Unsafe("the host has an address that is not on the public internet")
        return host, port, str(found[0])

    def _parts(self, url: str) -> tuple[str, int]:
        if len(url) > _LONGEST or not url.isascii() or any(ord(sign) <= 32 or sign in "\\\x7f" for sign in url):
            raise Unsafe("it is no URL: up to 2048 visible ASCII characters, no backslash")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Unsafe(f"it is no URL: {error}") from error
        if parts.scheme != "https" or not parts.hostname:
            raise Unsafe("expected https://HOST/...")
        if parts.username is not None or parts.password is not None:
            raise Unsafe("a URL with a name or password in it")
        if (port or 443) not in self.ports:
            raise Unsafe(f"port {port}: expected {', '.join(map(str, sorted(self.ports)))}")
        return parts.hostname, port or 443

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Checks again, and connects to the address that it has just checked. Unsafe, NotReached, NoAnswer."""
        return self._ask("POST", url, body, headers, None)

    def get(self, url: str, headers: Mapping[str, str], most: int) -> Answered:
        """With its content, of up to so many bytes; TooLong where it has more, and as post."""
        return self._ask("GET", url, None, headers, most)

    def _ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], most: int | None) -> Answered:
        host, port, address = self.check(url)
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = HTTPSConnection(
            address, port, timeout=self.timeout_s, ssl_context=self.tls(), server_hostname=host, assert_hostname=host
        )
        sent = {"User-Agent": self.user_agent, **headers, "Host": parts.netloc}
        try:
            _connect(connection)
            return self._asked(connection, (method, path, body), sent, most)
        finally:
            connection.close()

    def _asked(
        self,
        connection: HTTPSConnection,
        asked: tuple[str, str, bytes | None],
        headers: Mapping[str, str],
        most: int | None,
    ) -> Answered:
        """Within the time, however slowly the other side drips its answer."""
        end = Timer(self.timeout_s, _hang_up, [connection.sock])
        end.daemon = True
        end.start()
        method, path, body = asked
        try:
            connection.request(method, path, body=body, headers=headers, preload_content=False)
            answer = connection.getresponse()
            content = answer.read(_READ) if most is None else answer.read(most + 1)
        except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
            raise NoAnswer(type(error).__name__) from error
        finally:
            end.cancel()
        if most is not None and len(content) > most:
            raise TooLong(f"more than {most:,} bytes")
        named = {name.lower(): one for name, one in answer.headers.items()}
        return Answered(status=answer.status, headers=named, content=b"" if most is None else content)


def _connect(connection: HTTPSConnection) -> None:
    try:
        connection.connect()
    except (urllib3.exceptions.HTTPError, OSError, CertificateError) as error:
        raise NotReached(type(error).__name__) from error


def _hang_up(sock: socket.socket) -> None:
    """Under TLS, whose own shutdown would wait for the other side."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
