"""What the last training said, line by line with its time, kept beside the models: <model_dir>/training.log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

NAME = "training.log"

Progress = Callable[[str], None]


@contextmanager
def kept(model_dir: Path, say: Progress) -> Iterator[Progress]:
    """Tells `say` and the log, each line at once, so that a training that is cut off has left what it had said. What
    ends it stands in the last line."""
    model_dir.mkdir(parents=True, exist_ok=True)
    with (model_dir / NAME).open("w", encoding="utf-8", buffering=1) as file:

        def note(line: str) -> None:
            file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")

        def tell(line: str) -> None:
            note(line)
            say(line)

        try:
            yield tell
        except BaseException as error:
            note(f"failed: {error!r}")
            raise
