"""A reset that the program asks for leaves a mark in storage, so that the next boot can say why it happened.

On a Raspberry Pi Pico machine.reset() goes through the watchdog, and machine.reset_cause() tells no difference.
"""

import os

RADIO = "radio"
FAILURE = "failure"
COMMAND = "command"
POWER_ON = "power-on"
_MARK = "reset"


def mark(why: str, times: int = 1) -> None:
    """To be written right before machine.reset(). times: how many resets in a row had this reason."""
    with open(_MARK, "w") as file:
        file.write(f"{why} {times}")


def take(cause: str) -> tuple[str, int]:
    """(why this boot happened, how many times in a row); cause is what the hardware says, times is 0 where it stands.

    The mark is removed: it explains one boot. After a power cut it explains nothing.
    """
    try:
        with open(_MARK) as file:
            why, _, times = file.read().partition(" ")
        os.remove(_MARK)
    except OSError:
        return cause, 0
    return (cause, 0) if cause == POWER_ON or not times.isdigit() else (why, int(times))
