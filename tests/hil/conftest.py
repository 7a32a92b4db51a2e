"""Where a body runs: on MicroPython's unix port, on an emulated Pico W, or on a real board (--backend)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.gateway.processes import SmallCloud
from tests.hil.compiled import compile_firmware

from aircue_hil.backends import places, uf2
from aircue_hil.backends.places import Place, UnixPlace
from aircue_hil.backends.real import BoardMissing
from aircue_hil.backends.uf2 import Uf2Missing

SCALE = 600  # on unix a sample of the 30 s interval comes every 50 ms


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Place:
    """A place of the kind that --backend names; without its image or board the test skips and says what is missing."""
    makers: dict[str, Callable[[], Place]] = {"unix": lambda: _unix(request), **places.MAKERS}
    try:
        return makers[request.config.getoption("backend")]()
    except (Uf2Missing, BoardMissing) as error:
        pytest.skip(str(error))


@pytest.fixture
def pico_w_image(request: pytest.FixtureRequest) -> Path:
    """MicroPython for the Pico W, for a test that is about the emulated chip itself."""
    if request.config.getoption("backend") != "pico_w":
        pytest.skip("runs with --backend pico_w")
    try:
        return uf2.find()
    except Uf2Missing as error:
        pytest.skip(str(error))


def _unix(request: pytest.FixtureRequest) -> Place:
    return UnixPlace(request.getfixturevalue("micropython"), scale=SCALE)


@pytest.fixture(scope="session")
def board_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as a board has it: what starts it."""
    return compile_firmware(tmp_path_factory.mktemp("board"))


@pytest.fixture
def cloud() -> Iterator[SmallCloud]:
    """What a gateway sends its batches to."""
    one = SmallCloud()
    yield one
    one.close()
