"""What a request may do: the scope that each route asks for.

There is no sign-in yet and the server listens on loopback alone, so that every request is let through.
"""

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

SCOPES = (
    "catalogue:read",
    "catalogue:write",
    "events:write",
    "households:read",
    "households:write",
    "observations:write",
    "weather:read",
    "weather:write",
)


def requires(scope: str) -> Callable[[View], View]:
    """ValueError, where the route is defined, for a scope that is not in SCOPES."""
    if scope not in SCOPES:
        raise ValueError(f"scope {scope!r}: expected one of {', '.join(SCOPES)}")

    def decorate(view: View) -> View:
        return _taking(scope, view)

    return decorate


def public(view: View) -> View:
    """For everybody: it shows nothing of a store."""
    return _taking("public", view)


def taken_by(view: Callable[..., Any]) -> str | None:
    """A scope or public; None where the view says nothing."""
    found: str | None = getattr(view, "aircue_access", None)
    return found


def _taking(kind: str, view: View) -> View:
    view.aircue_access = kind  # type: ignore[attr-defined]  # a function takes attributes
    return view
