"""What a request may do: everything, for there is no sign-in yet and the server listens on loopback alone."""

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def requires(scope: str) -> Callable[[View], View]:
    return lambda view: view
