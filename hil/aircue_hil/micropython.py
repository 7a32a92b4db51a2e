"""Finds a MicroPython that runs on this computer, or fetches Debian's package of it without touching the system.

    python3 -m aircue_hil.micropython        prints the path of a program to run; progress goes to stderr

Tried in turn: `micropython` on PATH; the copy kept under ${XDG_CACHE_HOME:-~/.cache}/aircue/micropython; the
distribution's package with all its libraries, downloaded by apt from the machine's own mirror (signatures checked with
the machine's own keys) into that folder and started through its own dynamic loader. No root is needed. Debian 12 has
no usable package, so there the next release of the same mirror serves.

Errors:
    MicropythonMissing  nothing usable was found and nothing could be fetched; says what to type
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MINIMUM = (1, 22)  # Ubuntu 24.04's; older ones are not tried, before 1.21 asyncio has another name
PACKAGE = "micropython"
OS_RELEASE = Path("/etc/os-release")
NEXT_RELEASE = {"bookworm": "trixie"}  # releases whose package is missing or older than MINIMUM
ALIASES = ("stable", "oldstable", "testing")  # what a sources list may say instead of the release's own name
COMPONENTS = ("main", "universe")
REMEDY = (
    "Install MicroPython {minimum} or newer so that `micropython` is on PATH: on Debian 13, Ubuntu 24.04 or newer "
    "`sudo apt-get install micropython`, on macOS `brew install micropython`."
).format(minimum=".".join(map(str, MINIMUM)))

Run = Callable[[Sequence[str]], str]


class MicropythonMissing(RuntimeError):
    """No usable MicroPython; the message ends with the remedy."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}\n{REMEDY}")


class CommandFailed(Exception):
    """A command could not be started or ended with an error; the message is what it said."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One index of the machine's apt sources: where it comes from and which key signs it ("" = any trusted key)."""

    uri: str
    release: str
    component: str
    signed_by: str


def run(command: Sequence[str]) -> str:
    """The command's standard output. Raises CommandFailed with the last lines it wrote to standard error."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise CommandFailed(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise CommandFailed("\n".join(done.stderr.strip().splitlines()[-4:]) or f"{command[0]} failed")
    return done.stdout


def say(line: str) -> None:
    print(f"micropython: {line}", file=sys.stderr, flush=True)


# --- is this one usable -------------------------------------------------------------------------------------------


def version_of(program: Path, run: Run = run) -> tuple[int, ...]:
    """The version a MicroPython states about itself, () for a program that is none or does not run."""
    question = "import sys; print(sys.implementation[0], *sys.implementation[1][:3])"
    try:
        name, *numbers = run([str(program), "-c", question]).split()
        return tuple(int(number) for number in numbers) if name == PACKAGE else ()
    except (CommandFailed, ValueError):
        return ()


def is_usable(version: tuple[int, ...]) -> bool:
    return version[:2] >= MINIMUM


def text_of(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version)) or "of an unknown version"


# --- where a copy is kept -----------------------------------------------------------------------------------------


def cache_folder(environ: Mapping[str, str], home: Path, machine: str) -> Path:
    """One folder a processor type, so that a home directory shared by several computers serves each."""
    base = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "aircue" / "micropython" / machine


def wrapper_text(loader: str, libraries: str, program: str) -> str:
    """A shell script beside the unpacked folder that starts `program` with the loader and libraries it was built for.

    All three are paths relative to the script. It replaces itself, so that the process id is MicroPython's.
    """
    return (
        "#!/bin/sh\n"
        'here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)\n'
        f'exec "$here/{loader}" --library-path "$here/{libraries}" "$here/{program}" "$@"\n'
    )


def write_wrapper(folder: Path) -> Path:
    """Writes folder/micropython for the packages unpacked in folder/root."""
    program = folder / "root" / "usr" / "bin" / PACKAGE
    loaders = sorted((folder / "root").rglob("ld-linux*.so.*"))
    libraries = sorted(path.parent for path in (folder / "root").rglob("libc.so.6"))
    if not (program.is_file() and loaders and libraries):
        raise MicropythonMissing(f"The downloaded packages in {folder} lack the program, its loader or its C library.")
    parts = (str(path.relative_to(folder)) for path in (loaders[0], libraries[0], program))
    wrapper = folder / PACKAGE
    wrapper.write_text(wrapper_text(*parts))
    wrapper.chmod(0o755)
    return wrapper


# --- which packages to ask for ------------------------------------------------------------------------------------


def parse_targets(text: str) -> list[Target]:
    """Reads `apt-get indextargets` in the format of `index_targets`; lines of another shape are none of ours."""
    rows = (line.split("|") for line in text.splitlines())
    return [Target(uri=row[0], release=row[1], component=row[2], signed_by=row[3]) for row in rows if len(row) == 4]


def sources_list(targets: Sequence[Target], release: str, architecture: str) -> str:
    """The machine's own mirrors as a sources list of the release that has a usable package; "" if there is no mirror.

    Only the base suite is taken: the security and update suites of one release do not fit another.
    """
    suite = NEXT_RELEASE.get(release, release)
    lines = {
        source_line(target, suite, architecture)
        for target in targets
        if target.release in (release, *ALIASES) and target.component in COMPONENTS
    }
    return "".join(sorted(lines))


def source_line(target: Target, suite: str, architecture: str) -> str:
    key = f" signed-by={target.signed_by}" if target.signed_by.startswith("/") else ""
    return f"deb [arch={architecture}{key}] {target.uri} {suite} {target.component}\n"


def release_of(os_release: str) -> str:
    """The release's code name from the text of /etc/os-release, "" where it has none."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    return fields.get("VERSION_CODENAME", "").strip('"')


def apt_options(folder: Path) -> list[str]:
    """Settings that make apt keep its state, cache and sources in `folder` and see none of what is installed."""
    settings = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Sandbox::User": "root",  # the download user of a root apt may not write into the cache folder
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "30",
        "Acquire::https::Timeout": "30",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


# --- fetching -----------------------------------------------------------------------------------------------------


def index_targets(run: Run) -> list[Target]:
    return parse_targets(
        run(["apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)"])
    )


def prepare_apt(folder: Path, sources: str) -> None:
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(sources)


def download(folder: Path, sources: str, run: Run) -> list[Path]:
    """The package and everything it depends on, down to the C library, as .deb files below `folder`."""
    prepare_apt(folder, sources)
    apt = ["apt-get", "--quiet", "--yes", *apt_options(folder)]
    run([*apt, "update", "--error-on=any"])
    run([*apt, "--no-install-recommends", "--download-only", "install", PACKAGE])
    return sorted((folder / "cache" / "archives").glob("*.deb"))


def machine_sources(run: Run, os_release: Path) -> str:
    if not os_release.is_file():
        raise MicropythonMissing("`micropython` is not on PATH and this system has no apt to fetch it with.")
    release = release_of(os_release.read_text())
    sources = sources_list(index_targets(run), release, run(["dpkg", "--print-architecture"]).strip())
    if not sources:
        raise MicropythonMissing(f"`micropython` is not on PATH and apt knows no mirror of the release {release!r}.")
    return sources


def unpack(packages: Sequence[Path], folder: Path, run: Run) -> None:
    for package in packages:
        run(["dpkg", "-x", str(package), str(folder)])


def fetch(folder: Path, run: Run = run, os_release: Path = OS_RELEASE) -> Path:
    """Fills `folder` in one rename, so that an interrupted or second run never leaves half a copy behind."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as work:
        made = Path(work) / "made"
        made.mkdir()
        try:
            unpack(download(Path(work) / "apt", machine_sources(run, os_release), run), made / "root", run)
        except CommandFailed as error:
            raise MicropythonMissing(f"`micropython` is not on PATH and fetching it failed:\n{error}") from error
        write_wrapper(made)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return folder / PACKAGE


def candidates(kept: Path) -> list[Path]:
    """The programs to try before anything is fetched."""
    on_path = shutil.which(PACKAGE)
    return [*([Path(on_path)] if on_path else []), *([kept] if kept.is_file() else [])]


def find() -> Path:
    """The program to run, fetched if need be. Raises MicropythonMissing."""
    folder = cache_folder(os.environ, Path.home(), platform.machine())
    for program in candidates(folder / PACKAGE):
        version = version_of(program)
        if is_usable(version):
            return program
        say(f"{program} is {text_of(version)}, {text_of(MINIMUM)} is needed; looking further")
    say("fetching the distribution's package and its libraries (about 15 MB, once)")
    return checked(fetch(folder))


def checked(program: Path) -> Path:
    version = version_of(program)
    if not is_usable(version):
        raise MicropythonMissing(f"The fetched {program} is {text_of(version)}.")
    say(f"{text_of(version)} kept at {program}")
    return program


def main() -> int:
    try:
        print(find())
    except MicropythonMissing as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
