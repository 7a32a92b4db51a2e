"""What Sensirion's I2C sensors share: words of 16 bits, each followed by a CRC-8."""

from aircue_node.sensors.errors import ChecksumError


def crc8(data: bytes | bytearray) -> int:
    """Polynomial 0x31, start 0xFF (SHT4x datasheet 4.4, SCD4x 3.11); crc8(b"\\xbe\\xef") is 0x92."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x31 if crc & 0x80 else crc << 1
        crc &= 0xFF
    return crc


def words(data: bytes | bytearray) -> list[int]:
    """The words of an answer, each checked against its CRC."""
    found = []
    for at in range(0, len(data), 3):
        if crc8(data[at : at + 2]) != data[at + 2]:
            raise ChecksumError("wrong CRC: check the length and the shielding of its cable")
        found.append(data[at] << 8 | data[at + 1])
    return found


def framed(word: int) -> bytes:
    """A word as the sensors take it: big-endian, then its CRC."""
    pair = bytes((word >> 8, word & 0xFF))
    return pair + bytes((crc8(pair),))


def scaled(word: int, span: int) -> int:
    """span S / 65535, rounded."""
    return (2 * span * word + 65535) // 131070


def temperature_centi(word: int) -> int:
    """Hundredths of a degree Celsius: T = -45 + 175 S / 65535."""
    return scaled(word, 17500) - 4500
