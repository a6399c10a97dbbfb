"""What a person sees while a job runs."""

import fcntl
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dynsparse.errors import DynsparseError, printable
from dynsparse.storage.files import lock

if TYPE_CHECKING:
    from tqdm import tqdm


def say(text: str) -> None:
    """One line on standard error, for work that no bar can measure."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def progress(total: int, description: str, unit: str, initial: int = 0) -> "tqdm[Any]":
    """A progress bar on standard error; plain lines, ten seconds apart, without a terminal.

    Args:
        total: how many units make the whole.
        description: what is being done, and for which environment and seed.
        unit: what is counted, singular ("episode", "step").
        initial: units that were already done before this run.
    """
    # Snakemake, which plans with nothing but itself installed, reads this module.
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=description,
        unit=f" {unit}",
        initial=initial,
        file=sys.stderr if terminal else _Lines(),
        mininterval=0.2 if terminal else 10.0,
        ncols=None if terminal else 100,
        ascii=not terminal,
    )


class _Lines(io.TextIOBase):
    """Turns a bar's carriage returns into lines, so that logs stay readable."""

    def write(self, text: str) -> int:
        if line := text.strip("\r\n "):
            sys.stderr.write(line + "\n")
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()


@contextmanager
def job_log(path: str) -> Iterator[None]:
    """Copy standard error to a job's log file, and end a known error as one line.

    What a killed run of the job has left at work is waited for, so that no two processes ever
    write the same file.

    Raises:
        SystemExit: with status 1 after a ``DynsparseError``, whose message has been printed.
    """
    original = sys.stderr
    with _alone(Path(path)), open(path, "w", buffering=1) as log:  # noqa: PTH123 (a stream)
        sys.stderr = _Tee(original, log)
        try:
            yield
        except DynsparseError as error:
            sys.stderr.write(f"error: {printable(str(error))}\n")
            raise SystemExit(1) from None
        finally:
            sys.stderr = original


@contextmanager
def _alone(log: Path) -> Iterator[None]:
    """Hold a job's lock. It is not the log itself, which Snakemake removes before each start."""
    path = log.with_name(f".{log.name}.lock")
    while True:
        with path.open("a") as file:
            if not lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                say(f"{log}: waiting for a process that a killed run of this job has left")
                lock(file, fcntl.LOCK_EX)
            # Whoever held it may have removed it meanwhile; then another may hold a new one.
            if path.exists() and path.samefile(f"/dev/fd/{file.fileno()}"):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return


class _Tee(io.TextIOBase):
    """Writes to a terminal and a log at once."""

    def __init__(self, *streams: TextIO) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        for stream in self._streams:
            if not stream.closed:
                stream.flush()

    def isatty(self) -> bool:
        return self._streams[0].isatty()
