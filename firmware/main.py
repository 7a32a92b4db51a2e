"""MicroPython runs this file after boot."""

from aircue_node.start import run

if __name__ == "__main__":
    run()
