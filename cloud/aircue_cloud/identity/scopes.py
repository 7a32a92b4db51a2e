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
    "needs:read",
    "observations:read",
    "operators:read",
    "orders:read",
    "parcels:read",
    "partners:read",
    "readings:read",
    "recommendations:read",
    "rights:read",
    "segments:read",
    "status:read",
    "support:read",
    "supply:read",
    "weather:read",
)
WRITING = (
    "catalogue:write",
    "consents:write",
    "events:write",
    "households:write",
    "models:write",
    "needs:write",
    "observations:write",
    "operators:write",
    "orders:write",
    "parcels:write",
    "partners:write",
    "pushes:write",
    "refunds:write",
    "rights:write",
    "segments:write",
    "support:write",
    "supply:write",
    "weather:write",
)
ALL = frozenset((*READING, *WRITING))
_OWNERS = {"audit:read", "operators:read", "operators:write", "rights:read", "rights:write"}
_VIEWED = frozenset(READING) - _OWNERS

ROLES = {
    "owner": ALL,
    "operator": _VIEWED | frozenset(WRITING) - _OWNERS,
    "viewer": _VIEWED,
}
