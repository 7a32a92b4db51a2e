"""Modules that were needed for a moment leave, and can be imported again."""

import sys
from types import ModuleType

import aircue_node
from aircue_node.unload import unload

NAME = "aircue_node.guest"


def test_a_module_leaves_its_package_too() -> None:
    sys.modules[NAME] = ModuleType(NAME)
    setattr(aircue_node, "guest", sys.modules[NAME])  # noqa: B010 -- as an import does; the package has no such name
    unload(NAME)
    assert NAME not in sys.modules
    assert not hasattr(aircue_node, "guest")


def test_one_that_was_never_loaded_is_none_to_unload() -> None:
    before = set(sys.modules)
    unload(NAME)
    assert set(sys.modules) == before
