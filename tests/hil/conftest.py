"""Where a body runs: on MicroPython's unix port, on an emulated Pico W, or on a real board (--backend)."""

from collections.abc import Callable

import pytest

from aircue_hil.backends import places
from aircue_hil.backends.places import Place, UnixPlace
from aircue_hil.backends.uf2 import Uf2Missing

SCALE = 600  # on unix a sample of the 30 s interval comes every 50 ms


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Place:
    """A place of the kind that --backend names; without its image or board the test skips and says what is missing."""
    makers: dict[str, Callable[[], Place]] = {"unix": lambda: _unix(request), **places.MAKERS}
    try:
        return makers[request.config.getoption("backend")]()
    except Uf2Missing as error:
        pytest.skip(str(error))


def _unix(request: pytest.FixtureRequest) -> Place:
    return UnixPlace(request.getfixturevalue("micropython"), scale=SCALE)
