"""aircue-hil: the demo and the bench from the command line."""

import argparse
import logging
import os
import sys
from pathlib import Path

from aircue_hil import bench, config
from aircue_hil.config import ConfigError
from aircue_hil.demo import run as demo
from aircue_hil.demo.cloud import CloudError
from aircue_hil.demo.plan import PlanError, Wish
from aircue_hil.demo.programs import ProgramError
from aircue_hil.micropython import MicropythonMissing
from aircue_hil.traces import TraceError

_ONCE_S = 45.0
_DAY_S = 360.0
_SCALE = 240
_TRACE_IN_DATA = Path("home_climate") / "house.csv.gz"


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    try:
        return int(given.act(given))
    except (ConfigError, PlanError, ProgramError, CloudError, MicropythonMissing, TraceError) as error:
        sys.stderr.write(f"aircue-hil: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aircue-hil", description="Run Aircue against simulated sensors.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("demo", help="run the whole chain on this computer")
    show.add_argument("--once", action="store_true", help="end by itself; the last line is one JSON object")
    show.add_argument("--faults", action="store_true", help="kill the gateway and take the Wi-Fi away in the middle")
    show.add_argument(
        "--trace", type=Path, metavar="FILE", help="replay this file in a bathroom (default: AIRCUE_DATA's)"
    )
    show.add_argument("--simulated", action="store_true", help="use simulated homes even where AIRCUE_DATA is set")
    show.add_argument("--seed", type=int, default=1)
    show.add_argument("--scale", type=int, default=_SCALE, help="how much faster the homes' time runs (default: 240)")
    show.add_argument("--seconds", type=float, help=f"real time to watch (default: {_ONCE_S:.0f} with --once)")
    show.add_argument("--dir", type=Path, metavar="DIR", help="keep everything there (default: a temporary folder)")
    show.set_defaults(act=_demo)
    table = commands.add_parser("bench", help="run the bench alone, for nodes you start yourself")
    table.add_argument("--config", type=Path, required=True, metavar="FILE")
    table.set_defaults(act=_bench)
    return parser


def _demo(given: argparse.Namespace) -> int:
    wish = Wish(
        once=given.once,
        faults=given.faults,
        trace=_trace(given),
        seed=given.seed,
        scale=given.scale,
        seconds=given.seconds or (_ONCE_S if given.once else _DAY_S),
    )
    return demo.run(wish, given.dir)


def _trace(given: argparse.Namespace) -> Path | None:
    """The file asked for, else the measured house where its data set is at hand, else none: simulated homes."""
    if given.trace is not None:
        return Path(given.trace)
    data = os.environ.get("AIRCUE_DATA")
    if given.simulated or not data:
        return None
    path = Path(data) / _TRACE_IN_DATA
    return path if path.exists() else None


def _bench(given: argparse.Namespace) -> int:
    bench.run(config.load(given.config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
