"""The node: the same package runs on a board in MicroPython and on CPython in the tests."""

__version__ = "0.1.0"
