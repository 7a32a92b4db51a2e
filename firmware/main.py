"""MicroPython runs this file after boot."""

from aircue_node.program import run

if __name__ == "__main__":
    run()
