"""Setting a node up without a cable, end to end: the real firmware in MicroPython with 200 KB of memory serves its page
over a simulated access point, is filled in, restarts and reaches its gateway. And back: only explicit acts wipe it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.hil.compiled import compile_firmware
from tests.hil.unprovisioned import HOSTILE, STROBE, Page, Scene, SerialNode, play
from tests.node.provisioning import frame

pytestmark = pytest.mark.hil

Story = Callable[[Scene], Awaitable[None]]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_firmware(tmp_path_factory.mktemp("firmware"))


@pytest.fixture
def on_stage(tmp_path: Path, program: Path, micropython: Path) -> Callable[[Story], None]:
    return lambda story: play(story, tmp_path, program, micropython)


def test_a_new_board_is_set_up_over_its_own_access_point(on_stage: Callable[[Story], None]) -> None:
    async def story(scene: Scene) -> None:
        await scene.node.power_on()
        await scene.being_set_up()
        assert (await scene.get("/generate_204", "connectivitycheck.gstatic.com"))[0] == 302
        page = await scene.page()
        assert "script" not in page.tags
        assert HOSTILE in page.shown
        assert "Café" in page.shown
        ticked = {name for name in page.fields if name.startswith("use_")}
        assert ticked == {"use_sht3x", "use_bmp280", "use_scd4x"}
        key = page.fields["key"]
        assert len(key) == 32

        wrong = page.fields | scene.rest() | {"network": scene.bench.config.wifi.ssid, "node": "a/b"}
        answer = Page((await scene.post(wrong | {"wifi_key": scene.bench.config.wifi.key}))[2])
        assert "node is 'a/b', a name without / + # and spaces is expected" in answer.shown
        status, headers, _ = await scene.post(answer.fields | {"node": "bathroom"})
        assert (status, headers["Location"]) == (303, "/result")
        assert key in await scene.outcome()

        birth = await scene.birth()
        assert [row["q"] for row in birth["quantities"]] == ["temperature", "humidity", "pressure", "co2"]
        await scene.gateway.until(lambda: len(scene.gateway.of("samples")) > 2)
        assert scene.node.exit_codes == [42]
        assert scene.stored()["sensors"] == [
            {"driver": "sht3x", "bus": 0, "address": 0x44},
            {"driver": "bmp280", "bus": 0, "address": 0x76, "only": ["pressure"]},
            {"driver": "scd4x", "bus": 0, "address": 0x62, "only": ["co2"]},
        ]

    on_stage(story)


def test_every_name_leads_to_the_node(on_stage: Callable[[Story], None]) -> None:
    asked = b"\xbe\xef\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07captive\x05apple\x03com\x00\x00\x01\x00\x01"

    def ask(port: int) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.settimeout(20)
            phone.sendto(asked, ("127.0.0.1", port))
            return phone.recv(512)

    async def story(scene: Scene) -> None:
        await scene.node.power_on()
        await scene.being_set_up()
        assert (await asyncio.to_thread(ask, scene.dns_port)).endswith(bytes([127, 0, 0, 1]))

    on_stage(story)


WRONG = {
    "no JSON": ("port = 1883", "settings.json is not JSON"),
    "an unknown key": ('{"prot": 1883}', "settings.json: unknown key prot"),
    "no UTF-8": (b"\xff\xfe", "settings.json is not JSON"),
}


@pytest.mark.parametrize(("text", "reason"), WRONG.values(), ids=WRONG)
def test_a_node_with_wrong_settings_says_why_and_can_be_set_up_again(
    on_stage: Callable[[Story], None], text: str | bytes, reason: str
) -> None:
    given = text if isinstance(text, bytes) else text.encode()

    async def story(scene: Scene) -> None:
        path = scene.storage / "settings.json"
        path.write_bytes(given)
        await scene.node.power_on()
        await scene.being_set_up()
        page = await scene.page()
        assert reason in scene.log
        assert path.read_bytes() == given
        wifi = {"network": scene.bench.config.wifi.ssid, "wifi_key": scene.bench.config.wifi.key}
        await scene.post(page.fields | scene.rest() | wifi)
        await scene.outcome()
        await scene.birth()
        assert (scene.storage / "settings.json.bad").read_bytes() == given

    on_stage(story)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sensors": [{"driver": "sht3x"}, {"driver": "sht99"}]}, "unknown driver sht99"),
        (
            {"i2c": [{"id": 0, "scl": 5, "sda": 4}, {"id": 999, "scl": 7, "sda": 6}]},
            "this board has no such pin or bus",
        ),
    ],
)
def test_settings_that_only_the_program_finds_wrong_lead_to_the_page_with_what_was_right(
    on_stage: Callable[[Story], None], changes: dict[str, object], reason: str
) -> None:
    async def story(scene: Scene) -> None:
        scene.put("settings.json", scene.settings(**changes, journal_samples=77))
        await scene.node.power_on()
        await scene.being_set_up()
        page = await scene.page()
        assert reason in page.shown
        assert (page.fields["site"], page.fields["node"], page.fields["key"]) == ("home-1", "bathroom", "")
        assert "the-nodes-key" not in page.shown
        await scene.post(page.fields | {"wifi_key": ""})
        await scene.outcome()
        await scene.birth()
        assert (scene.stored()["key"], scene.stored()["journal_samples"]) == ("the-nodes-key", 77)

    on_stage(story)


def test_power_cycles_wipe_nothing(on_stage: Callable[[Story], None]) -> None:
    async def story(scene: Scene) -> None:
        scene.put("settings.json", scene.settings())
        for cut in range(8):
            await scene.node.power_on()
            await scene.until(lambda boots=cut + 1: scene.bench.boot("bathroom") >= boots)  # type: ignore[misc]
            await asyncio.sleep(0.1)
            await scene.node.power_off()
        await scene.node.power_on()
        await scene.birth()
        assert scene.stored() == scene.settings()

    on_stage(story)


def test_improv_gives_the_wifi_and_the_page_there_asks_for_the_rest(on_stage: Callable[[Story], None]) -> None:
    async def story(scene: Scene) -> None:
        wifi = scene.bench.config.wifi
        strings = b"".join(bytes([len(text)]) + text.encode() for text in (wifi.ssid, wifi.key))
        url = f"http://127.0.0.1:{scene.port}/".encode()
        async with SerialNode(scene) as line:
            await line.hear(b"setup: join the Wi-Fi")
            line.send(frame(3, b"\x02\x00") + b"\n")
            await line.hear(b"\n" + frame(1, b"\x02") + b"\n")
            line.send(frame(3, b"\x04\x00") + b"\n")
            await line.hear(b"\n" + frame(4, b"\x04\x00") + b"\n")
            assert HOSTILE.encode() in line.heard
            line.send(frame(3, bytes([1, len(strings)]) + strings) + b"\n")
            await line.hear(b"\n" + frame(1, b"\x04") + b"\n")
            await line.hear(b"\n" + frame(4, bytes([1, 1 + len(url), len(url)]) + url) + b"\n")
            page = await scene.page()
            assert page.fields["network"] == wifi.ssid
            await scene.post(page.fields | scene.rest())
            await scene.outcome()
            assert await line.process.wait() == 42
        await scene.node.power_on()
        await scene.birth()
        assert (scene.stored()["ssid"], scene.stored()["wifi_key"]) == (wifi.ssid, wifi.key)

    on_stage(story)


def test_a_ctrl_c_on_the_serial_line_ends_setting_up_so_that_tools_reach_the_board(
    on_stage: Callable[[Story], None],
) -> None:
    async def story(scene: Scene) -> None:
        async with SerialNode(scene) as line:
            await line.hear(b"setup: join the Wi-Fi")
            line.send(b"\r\x03")
            await line.hear(b"KeyboardInterrupt")
            assert await line.process.wait() != 42

    on_stage(story)


def test_commands_survive_a_restart_and_a_recorded_one_does_not_run_again(on_stage: Callable[[Story], None]) -> None:
    async def story(scene: Scene) -> None:
        scene.put("settings.json", scene.settings())
        await scene.node.power_on()
        await scene.birth()
        assert await scene.command(1, "interval", {"ms": 2000}) == ""
        assert await scene.command(2, "deadband", {"temperature": 50, "humidity": 100}) == ""
        assert "seconds must be" in await scene.command(3, "identify", {"seconds": 0})
        assert await scene.command(4, "identify", {"seconds": 1}) == ""
        assert await scene.command(5, "restart", {}) == ""
        birth = await scene.birth(2)
        assert (birth["interval_ms"], birth["reset"], birth["b"]) == (2000, "command", 2)
        assert "number 5 was used before: 6 or more is expected" in await scene.command(5, "restart", {})
        assert "signature" in await scene.command(6, "restart", {}, key="another-key")
        assert "known are deadband, identify, interval, restart, update, wipe" in await scene.command(7, "explode", {})
        assert (scene.stored()["interval_ms"], scene.stored()["deadband"]) == (
            2000,
            {"temperature": 50, "humidity": 100},
        )
        assert "identify: this is bathroom" in scene.log
        assert scene.node.exit_codes == [42]

    on_stage(story)


def test_a_deadband_holds_samples_back_and_leaves_no_hole_in_the_sequence(on_stage: Callable[[Story], None]) -> None:
    async def story(scene: Scene) -> None:
        wide = {"temperature": 50, "humidity": 100}
        scene.put("settings.json", scene.settings(deadband=wide, strobe_pin=STROBE))
        await scene.node.power_on()
        await scene.birth()
        await scene.until(lambda: {row.sequence for row in scene.bench.witness} >= set(range(1, 6)))
        assert scene.sequences() == {1}
        assert await scene.command(1, "deadband", {}) == ""
        await scene.gateway.until(lambda: len(scene.sequences()) >= 3)
        assert scene.sequences() == set(range(1, len(scene.sequences()) + 1))

    on_stage(story)


def test_a_signed_wipe_leads_back_to_setting_up_and_keeps_who_the_node_is(on_stage: Callable[[Story], None]) -> None:
    async def story(scene: Scene) -> None:
        scene.put("settings.json", scene.settings())
        await scene.node.power_on()
        birth = await scene.birth()
        assert await scene.command(1, "wipe", {}) == ""
        await scene.being_set_up()
        page = await scene.page()
        assert page.fields["site"] == ""
        assert not (scene.storage / "settings.json").exists()
        assert int((scene.storage / "installation").read_text()) == birth["i"]

    on_stage(story)


def test_a_held_button_leads_back_to_setting_up(on_stage: Callable[[Story], None]) -> None:
    """The bench pulls no pin low by itself: the button is on the strobe's pin, which is low between samples."""

    async def story(scene: Scene) -> None:
        scene.put("settings.json", scene.settings(strobe_pin=STROBE, button_pin=STROBE, interval_ms=86_400_000))
        await scene.node.power_on()
        await scene.being_set_up()
        assert "settings: wiped" in scene.log
        assert not (scene.storage / "settings.json").exists()

    on_stage(story)
