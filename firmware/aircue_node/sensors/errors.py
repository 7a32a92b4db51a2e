"""What can go wrong with a sensor.

SensorError
  MissingError   nobody answers on the bus or the pin
  ChecksumError  an answer with a wrong CRC or checksum
  RangeError     a value the datasheet rules out
  StaleError     nothing new to read yet
  WrongPartError another part answers than the settings name
  BrokenError    the part says itself that it is broken
"""


class SensorError(Exception):
    """One read failed; the text says how, in a few words fit for a status message."""


class MissingError(SensorError):
    pass


class ChecksumError(SensorError):
    pass


class RangeError(SensorError):
    pass


class StaleError(SensorError):
    pass


class WrongPartError(SensorError):
    pass


class BrokenError(SensorError):
    pass
