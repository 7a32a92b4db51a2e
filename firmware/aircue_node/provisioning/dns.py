"""DNS answers that send every name to one address, so that a phone's check for the internet finds the page (RFC 1035).

Without I/O.
"""

_HEAD = 12
_LONGEST_LABEL = 63
_LONGEST_NAME = 255
_RESPONSE = 0x80
_OPCODE = 0x78
_AUTHORITATIVE = 0x04
_RECURSION_DESIRED = 0x01
_NOT_IMPLEMENTED = 4
_A, _ANY, _IN = 1, 255, 1
# Forgotten at once: the same names are somebody else's as soon as the phone has left the access point.
_TTL_S = b"\x00\x00\x00\x00"


def answer(query: bytes, address: str) -> "bytes | None":
    """The response to one packet; None for what is no query of one question. address: dotted IPv4."""
    if len(query) < _HEAD or query[2] & _RESPONSE or query[4:6] != b"\x00\x01":
        return None
    if query[2] & _OPCODE:
        return _head(query, 0, 0, _NOT_IMPLEMENTED)
    end = _end_of_question(query)
    if end is None:
        return None
    question = query[_HEAD:end]
    if not _asks_for_address(question):
        return _head(query, 1, 0) + question
    return _head(query, 1, 1) + question + _record(address)


def _head(query: bytes, questions: int, answers: int, code: int = 0) -> bytes:
    flags = bytes([_RESPONSE | query[2] & _OPCODE | _AUTHORITATIVE | query[2] & _RECURSION_DESIRED, code])
    return query[:2] + flags + bytes([0, questions, 0, answers, 0, 0, 0, 0])


def _end_of_question(query: bytes) -> "int | None":
    """Where name, type and class of the question end; a compressed name has no place in it."""
    at = _HEAD
    while at < len(query) and query[at]:
        if query[at] > _LONGEST_LABEL:
            return None
        at += 1 + query[at]
    end = at + 1 + 4
    return end if end <= len(query) and at - _HEAD < _LONGEST_NAME else None


def _asks_for_address(question: bytes) -> bool:
    kind, family = question[-4] << 8 | question[-3], question[-2] << 8 | question[-1]
    return kind in (_A, _ANY) and family in (_IN, _ANY)


def _record(address: str) -> bytes:
    """Its name is a pointer to the question's."""
    octets = bytes([int(part) for part in address.split(".")])
    return bytes([0xC0, _HEAD, 0, _A, 0, _IN]) + _TTL_S + b"\x00\x04" + octets
