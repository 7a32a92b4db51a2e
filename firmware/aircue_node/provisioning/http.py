"""The few bits of HTTP/1.1 that the page needs: one request a connection, bounded in every direction. Without I/O.

Errors: BadRequest, with the status to answer.
"""

MOST_HEAD = 2048
MOST_BODY = 4096
_MOST_HEADERS = 64
_MOST_FIELDS = 96
_FORM = "application/x-www-form-urlencoded"
_REASONS = {
    200: "OK",
    302: "Found",
    303: "See Other",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
# Nothing but the page's own style and forms: what an SSID or a field holds cannot become more.
_SAFETY = (
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'\r\n"
    "Referrer-Policy: same-origin\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Connection: close\r\n"
)


class BadRequest(ValueError):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Request:
    """path: without the query; headers: by name in small letters; form: the fields of a POST."""

    def __init__(self, method: str, path: str, headers: dict[str, str]) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.form: dict[str, str] = {}

    @property
    def from_elsewhere(self) -> bool:
        """Whether another site's page sends this: its Origin is not the host it is sent to."""
        origin = self.headers.get("origin")
        return origin is not None and origin != "http://" + self.headers.get("host", "")


class Parser:
    """Collects the bytes of one request."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._request: Request | None = None
        self._missing = 0

    def feed(self, data: bytes) -> "Request | None":
        """The request once it is whole. What comes behind it is left unread."""
        self._buffer.extend(data)
        if self._request is None:
            self._take_head()
        if self._request is None or len(self._buffer) < self._missing:
            return None
        if self._request.method == "POST":
            self._request.form = fields_of(bytes(self._buffer[: self._missing]))
        return self._request

    def _take_head(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end > MOST_HEAD or (end < 0 and len(self._buffer) > MOST_HEAD):
            raise BadRequest(431, f"the head of a request may have {MOST_HEAD} bytes")
        if end < 0:
            return
        self._request = head_of(bytes(self._buffer[:end]))
        self._missing = _length_of(self._request)
        self._buffer = self._buffer[end + 4 :]


def head_of(head: bytes) -> Request:
    """The request line and the headers."""
    lines = _text(head).split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest(400, "no HTTP/1 request line")
    if parts[0] not in ("GET", "HEAD", "POST"):
        raise BadRequest(405, "GET, HEAD and POST are known here")
    return Request(parts[0], _path_of(parts[1]), _headers_of(lines[1:]))


def _path_of(target: str) -> str:
    if target.startswith("http://"):
        target = "/" + target[len("http://") :].partition("/")[2]
    if not target.startswith("/"):
        raise BadRequest(400, "a path begins with /")
    return target.partition("?")[0]


def _headers_of(lines: list[str]) -> dict[str, str]:
    if len(lines) > _MOST_HEADERS:
        raise BadRequest(431, f"a request may have {_MOST_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or " " in name or "\t" in name:
            raise BadRequest(400, "a header is name: value")
        if name in ("content-length", "host") and name in headers:
            raise BadRequest(400, f"{name} comes twice")
        headers[name] = value.strip()
    return headers


def _length_of(request: Request) -> int:
    """Bytes of the body that is to come."""
    if "transfer-encoding" in request.headers:
        raise BadRequest(411, "a body needs its Content-Length")
    given = request.headers.get("content-length", "0")
    if not given.isdigit() or len(given) > 9:
        raise BadRequest(400, "Content-Length is no number")
    if int(given) > MOST_BODY:
        raise BadRequest(413, f"a form may have {MOST_BODY} bytes")
    if request.method == "POST" and request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        raise BadRequest(415, f"a form is sent as {_FORM}")
    return int(given)


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of a form (WHATWG URL, application/x-www-form-urlencoded); of one that comes twice, the last."""
    pairs = [pair for pair in body.split(b"&") if pair]
    if len(pairs) > _MOST_FIELDS:
        raise BadRequest(413, f"a form may have {_MOST_FIELDS} fields")
    fields = {}
    for pair in pairs:
        parts = pair.split(b"=", 1)
        fields[_decoded(parts[0])] = _decoded(parts[1]) if len(parts) == 2 else ""
    return fields


def _decoded(raw: bytes) -> str:
    pieces = raw.replace(b"+", b" ").split(b"%")
    found = bytearray(pieces[0])
    for piece in pieces[1:]:
        found.append(_byte(piece[:2]))
        found.extend(piece[2:])
    return _text(bytes(found))


def _byte(digits: bytes) -> int:
    if len(digits) != 2 or any([digit not in b"0123456789abcdefABCDEF" for digit in digits]):
        raise BadRequest(400, "% is followed by two hexadecimal digits")
    return int(digits, 16)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeError:
        raise BadRequest(400, "not UTF-8")


def response_head(status: int, more: str = "") -> bytes:
    """The head of a response whose body ends with the connection. more: further header lines, each with its CRLF."""
    line = f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
    return (line + "Content-Type: text/html; charset=utf-8\r\n" + _SAFETY + more + "\r\n").encode()


def redirect(status: int, location: str) -> bytes:
    return response_head(status, f"Location: {location}\r\nContent-Length: 0\r\n")
