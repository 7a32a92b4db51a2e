"""What can go wrong while a board is flashed.

FlashError       a board, a port or a download did not do its part; what the board had still starts
+-- Refused      what was asked for is wrong (settings, firmware file, board name); nothing was touched
+-- PortMissing, PortBusy, PortForbidden
+-- Silent       no MicroPython answers on the port
"""


class FlashError(Exception):
    """The message names the thing, the place and what to do."""


class Refused(FlashError):
    pass


class PortMissing(FlashError):
    pass


class PortBusy(FlashError):
    pass


class PortForbidden(FlashError):
    pass


class Silent(FlashError):
    pass
