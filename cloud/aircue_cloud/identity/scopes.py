"""What may be done, one word each, and which role of operators may do it."""

READING = (
    "audit:read",
    "catalogue:read",
    "consents:read",
    "decisions:read",
    "episodes:read",
    "events:read",
    "feed:read",
    "households:read",
    "observations:read",
    "readings:read",
    "recommendations:read",
    "status:read",
    "weather:read",
)
WRITING = (
    "catalogue:write",
    "consents:write",
    "events:write",
    "households:write",
    "observations:write",
    "weather:write",
)
ALL = frozenset((*READING, *WRITING))
_VIEWED = frozenset(READING) - {"audit:read"}

ROLES = {
    "owner": ALL,
    "operator": _VIEWED | frozenset(WRITING),
    "viewer": _VIEWED,
}
