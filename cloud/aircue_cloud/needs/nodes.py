"""What stands in a node's place where no node triggers a need. No node is called so: their names have no @. Pure."""

import re
import uuid
from collections.abc import Sequence

OUTDOORS = "@outdoors"
_ANY = "@any "
_PEOPLE = uuid.UUID("0b0c8d0e-5a0e-5d6f-8c3b-6f9f5a0a7c11")


def wearer(person: str) -> str:
    """A name that says nobody's id, so that an episode outlives who it was about.

    >>> wearer("ada-1") == wearer("ada-1") != wearer("ada-2")
    True
    """
    return f"@{uuid.uuid5(_PEOPLE, person)}"


def told(node: str) -> str:
    """In words.

    >>> told("bathroom"), told(OUTDOORS), told(product("larch")), told(any_of("filter")), told(wearer("ada-1"))
    ('in bathroom', 'outdoors', 'for larch', 'for any filter', 'for somebody')
    """
    if not node.startswith("@"):
        return f"in {node}"
    if node == OUTDOORS:
        return "outdoors"
    return "for somebody" if _is_wearer(node) else f"for {node.removeprefix('@')}"


def named(node: str) -> str:
    """As a heading, or in a list.

    >>> named("bathroom"), named(OUTDOORS), named(product("larch")), named(wearer("ada-1"))
    ('bathroom', 'outdoors', 'larch', 'somebody')
    """
    return told(node).removeprefix("in ").removeprefix("for ")


def _is_wearer(node: str) -> bool:
    return re.fullmatch(r"@[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", node) is not None


def who_wears(people: Sequence[str], node: str) -> str | None:
    return next((person for person in people if wearer(person) == node), None)


def product(id_: str) -> str:
    return f"@{id_}"


def any_of(category: str) -> str:
    """Where a home never bought the consumable that its device uses up."""
    return f"{_ANY}{category}"


def used_up(node: str) -> str | None:
    """The product of such a node; None where any of a category would do."""
    return None if node.startswith(_ANY) else node.removeprefix("@")
