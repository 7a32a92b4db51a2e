"""The boards that can be flashed, one row each, and the MicroPython release they get."""

from dataclasses import dataclass, field

RELEASE = (1, 29, 0)
RELEASE_DAY = "20260824"
ESPTOOL, UF2 = "esptool", "uf2"

# USB ids (vendor, product) a board shows itself with.
_BRIDGES = frozenset({(0x10C4, 0xEA60), (0x1A86, 0x7523), (0x1A86, 0x55D3), (0x1A86, 0x55D4), (0x0403, 0x6001)})
_ESPRESSIF = frozenset({(0x303A, 0x1001), (0x303A, 0x4001)})  # built-in USB serial/JTAG; MicroPython's own USB
_PICO = frozenset({(0x2E8A, 0x0005)})  # MicroPython's own USB

_RP2040, _RP2350_ARM, _ABSOLUTE = 0xE48BFF56, 0xE48BFF59, 0xE48BFF57


@dataclass(frozen=True, kw_only=True)
class Board:
    """One kind of board.

    chip: as MicroPython names it at the end of sys.implementation._machine. download: the name of its image on
    micropython.org. radio: whether that MicroPython must have Wi-Fi. chip_id, offset: of an ESP image, as its header
    has it and where it goes in flash. family: of a UF2 image; extra_families: blocks that may lie beside it. drive: the
    Board-ID in INFO_UF2.TXT of the boot loader's drive, the same for all boards with that chip.
    """

    name: str
    chip: str
    download: str
    method: str
    usb: frozenset[tuple[int, int]]
    radio: bool = True
    chip_id: int = -1
    offset: int = 0
    family: int = 0
    extra_families: frozenset[int] = field(default_factory=frozenset)
    drive: str = ""

    @property
    def image_name(self) -> str:
        suffix = "bin" if self.method == ESPTOOL else "uf2"
        return f"{self.download}-{RELEASE_DAY}-v{version_text(RELEASE)}.{suffix}"


def version_text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version[:3]))


def _esp(name: str, download: str, chip_id: int, offset: int, usb: frozenset[tuple[int, int]]) -> Board:
    return Board(
        name=name, chip=name.upper(), download=download, method=ESPTOOL, usb=usb, chip_id=chip_id, offset=offset
    )


def _rp2040(name: str, download: str, radio: bool) -> Board:
    return Board(
        name=name,
        chip="RP2040",
        download=download,
        method=UF2,
        usb=_PICO,
        radio=radio,
        family=_RP2040,
        drive="RPI-RP2",
    )


def _rp2350(name: str, download: str, radio: bool) -> Board:
    """Its images begin with a block of family ABSOLUTE, the way round the chip's erratum E10."""
    return Board(
        name=name,
        chip="RP2350",
        download=download,
        method=UF2,
        usb=_PICO,
        radio=radio,
        family=_RP2350_ARM,
        extra_families=frozenset({_ABSOLUTE}),
        drive="RP2350",
    )


_ROWS = (
    _esp("esp32", "ESP32_GENERIC", 0, 0x1000, _BRIDGES),
    _esp("esp32c3", "ESP32_GENERIC_C3", 5, 0, _BRIDGES | _ESPRESSIF),
    _esp("esp32s3", "ESP32_GENERIC_S3", 9, 0, _BRIDGES | _ESPRESSIF),
    _rp2040("pico", "RPI_PICO", False),
    _rp2040("pico_w", "RPI_PICO_W", True),
    _rp2350("pico2", "RPI_PICO2", False),
    _rp2350("pico2_w", "RPI_PICO2_W", True),
)
BOARDS = {board.name: board for board in _ROWS}
