"""How much of a Pico W's heap the firmware takes, on the emulated chip."""

from pathlib import Path

import pytest

from aircue_hil.backends import heap

MAIN = Path(__file__).parents[2] / "firmware" / "main.py"
MOST = 96 * 1024


@pytest.mark.hil
@pytest.mark.pico_w
def test_the_firmware_leaves_a_pico_w_half_of_its_heap(pico_w_image: Path) -> None:
    assert 30_000 < heap.heap_used(pico_w_image, MAIN) < MOST


def test_without_an_image_there_is_no_figure_but_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HIL_UF2", str(tmp_path / "none.uf2"))
    figure, reason = heap.figure(MAIN)
    assert figure is None
    assert "HIL_UF2=path/to/file.uf2" in reason
