"""Finding and fetching MicroPython: the decisions with written fakes, the result with the real program."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from aircue_hil.micropython import (
    CommandFailed,
    MicropythonMissing,
    Target,
    apt_options,
    cache_folder,
    fetch,
    is_usable,
    machine_sources,
    parse_targets,
    release_of,
    sources_list,
    version_of,
    wrapper_text,
    write_wrapper,
)

MIRROR = "http://mirror.test/debian/"


def target(release: str = "bookworm", component: str = "main", signed_by: str = "") -> Target:
    return Target(uri=MIRROR, release=release, component=component, signed_by=signed_by)


@pytest.fixture
def bookworm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The os-release file of a Debian 12."""
    path = tmp_path_factory.mktemp("etc") / "os-release"
    path.write_text("VERSION_CODENAME=bookworm\n")
    return path


class Machine:
    """Stands in for apt and dpkg: answers by the words in a command, and unpacks a tiny package."""

    def __init__(self, fails: str = "", lacks: str = "") -> None:
        self.fails = fails
        self.lacks = lacks

    def __call__(self, command: Sequence[str]) -> str:
        if self.fails and self.fails in command:
            raise CommandFailed("E: no network")
        answers = {"indextargets": self.index, "--print-architecture": self.architecture, "install": self.download}
        answer = next((answers[word] for word in command if word in answers), None)
        if command[:2] == ["dpkg", "-x"]:
            self.unpack(Path(command[3]))
        return answer(command) if answer else ""

    def index(self, command: Sequence[str]) -> str:
        return f"{MIRROR}|bookworm|main|$(SIGNED_BY)\n"

    def architecture(self, command: Sequence[str]) -> str:
        return "amd64\n"

    def download(self, command: Sequence[str]) -> str:
        cache = next(word for word in command if word.startswith("Dir::Cache=")).partition("=")[2]
        (Path(cache) / "archives" / "micropython_1.25_amd64.deb").touch()
        return ""

    def unpack(self, root: Path) -> None:
        for name in ("usr/bin/micropython", "usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu/libc.so.6"):
            if name != self.lacks:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).touch()


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("micropython 1 25 0\n", (1, 25, 0)),
        ("cpython 3 11 7\n", ()),
        ("", ()),
        ("micropython one\n", ()),
    ],
)
def test_a_program_states_its_version(answer: str, version: tuple[int, ...]) -> None:
    assert version_of(Path("any"), run=lambda command: answer) == version


def test_a_program_that_does_not_run_has_no_version() -> None:
    assert version_of(Path("/nonexistent/micropython")) == ()


@pytest.mark.parametrize(
    ("version", "usable"), [((1, 21, 9), False), ((1, 22, 0), True), ((2, 0, 0), True), ((), False)]
)
def test_versions_before_the_minimum_are_not_used(version: tuple[int, ...], usable: bool) -> None:
    assert is_usable(version) is usable


def test_the_cache_follows_xdg_and_keeps_processors_apart() -> None:
    home = Path("/home/ann")
    assert cache_folder({}, home, "aarch64") == home / ".cache/aircue/micropython/aarch64"
    assert cache_folder({"XDG_CACHE_HOME": "/c"}, home, "x86_64") == Path("/c/aircue/micropython/x86_64")
    assert cache_folder({"XDG_CACHE_HOME": ""}, home, "x86_64").is_relative_to(home)


def test_index_targets_of_another_shape_are_skipped() -> None:
    assert parse_targets(f"{MIRROR}|bookworm|main|\nnonsense\n") == [target()]


def test_debian_12_takes_the_next_release_of_its_own_mirror() -> None:
    assert sources_list([target()], "bookworm", "arm64") == f"deb [arch=arm64] {MIRROR} trixie main\n"


def test_a_newer_release_takes_itself() -> None:
    assert " trixie main" in sources_list([target(release="trixie")], "trixie", "amd64")


def test_a_release_called_stable_in_the_sources_is_understood() -> None:
    assert " trixie main" in sources_list([target(release="stable")], "trixie", "amd64")


def test_only_base_suites_and_free_components_are_taken() -> None:
    others = [target(release="bookworm-security"), target(component="non-free")]
    assert sources_list(others, "bookworm", "amd64") == ""


def test_the_key_the_machine_names_stays_in_force() -> None:
    key = "/usr/share/keyrings/debian.pgp"
    assert f"[arch=amd64 signed-by={key}]" in sources_list([target(signed_by=key)], "bookworm", "amd64")
    assert "signed-by" not in sources_list([target(signed_by="$(SIGNED_BY)")], "bookworm", "amd64")


def test_signatures_are_never_switched_off(tmp_path: Path) -> None:
    settings = " ".join([*apt_options(tmp_path), sources_list([target()], "bookworm", "amd64")]).lower()
    assert not [word for word in ("trusted=", "allowunauthenticated", "allowinsecure") if word in settings]


def test_the_release_is_read_from_os_release() -> None:
    assert release_of('NAME="Debian GNU/Linux"\nVERSION_CODENAME=bookworm\n') == "bookworm"
    assert release_of("NAME=Arch\n") == ""


def test_a_fetched_copy_starts_through_its_own_loader(tmp_path: Path, bookworm: Path) -> None:
    wrapper = fetch(tmp_path / "kept", Machine(), bookworm)
    assert wrapper == tmp_path / "kept" / "micropython"
    assert "/root/usr/lib64/ld-linux-x86-64.so.2" in wrapper.read_text()
    assert wrapper.stat().st_mode & 0o111
    assert [path.name for path in tmp_path.iterdir()] == ["kept"], "the working folder is gone"


def test_a_fetched_copy_replaces_a_broken_one(tmp_path: Path, bookworm: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "half").touch()
    assert fetch(tmp_path / "kept", Machine(), bookworm).is_file()
    assert not (tmp_path / "kept" / "half").exists()


def test_no_network_is_reported_with_the_remedy_and_leaves_nothing(tmp_path: Path, bookworm: Path) -> None:
    with pytest.raises(MicropythonMissing, match=r"(?s)E: no network.*apt-get install micropython"):
        fetch(tmp_path / "kept", Machine(fails="update"), bookworm)
    assert list(tmp_path.iterdir()) == []


def test_a_package_without_its_loader_is_not_kept(tmp_path: Path, bookworm: Path) -> None:
    with pytest.raises(MicropythonMissing, match="lack the program"):
        fetch(tmp_path / "kept", Machine(lacks="usr/lib64/ld-linux-x86-64.so.2"), bookworm)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_a_mirror_is_told_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text("VERSION_CODENAME=sid\n")
    with pytest.raises(MicropythonMissing, match=r"(?s)no mirror of the release 'sid'.*Install MicroPython"):
        machine_sources(Machine(), tmp_path / "os-release")


def test_a_system_whose_apt_does_not_start_is_told_what_to_type(tmp_path: Path, bookworm: Path) -> None:
    with pytest.raises(MicropythonMissing, match=r"(?s)no network.*Install MicroPython"):
        fetch(tmp_path / "kept", Machine(fails="indextargets"), bookworm)


def test_a_system_without_apt_is_told_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(MicropythonMissing, match="no apt"):
        machine_sources(Machine(), tmp_path / "nowhere")


def test_the_wrapper_keeps_arguments_and_finds_its_folder_from_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "loader").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (folder / "loader").chmod(0o755)
    (folder / "start").write_text(wrapper_text("loader", "lib", "bin/micropython"))
    done = subprocess.run(["sh", str(folder / "start"), "-c", "a b"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["--library-path", f"{folder}/lib", f"{folder}/bin/micropython", "-c", "a b"]


def test_an_empty_folder_gets_no_wrapper(tmp_path: Path) -> None:
    with pytest.raises(MicropythonMissing, match="lack the program"):
        write_wrapper(tmp_path)


@pytest.mark.hil
def test_the_real_program_has_what_the_firmware_needs(micropython: Path) -> None:
    program = (
        "import asyncio, socket, hashlib, json, struct, os, time\n"
        "async def main():\n"
        "    await asyncio.sleep_ms(1)\n"
        "    return hashlib.sha256(b'abc').digest()[:4].hex()\n"
        "print(asyncio.run(main()), struct.unpack('>H', b'\\x01\\x02')[0], json.loads('[1]')[0])\n"
        "socket.socket().close()\n"
    )
    done = subprocess.run([str(micropython), "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ba7816bf", "258", "1"]


@pytest.mark.hil
def test_the_real_program_is_new_enough(micropython: Path) -> None:
    assert is_usable(version_of(micropython))
