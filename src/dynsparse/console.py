"""What a person sees while a job runs."""

import fcntl
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from tqdm import tqdm

from dynsparse.errors import DynsparseError
from dynsparse.files import lock


def say(text: str) -> None:
    """One line on standard error, for work that no bar can measure."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def progress(total: int, description: str, unit: str, initial: int = 0) -> "tqdm[Any]":
    """A progress bar on standard error; plain lines, ten seconds apart, without a terminal.

    Args:
        total: how many units make the whole.
        description: what is being done, and for which environment and seed.
        unit: what is counted, singular ("episode", "step").
        initial: units that were already done before this run.
    """
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

    The log is the job's alone: what an earlier run of the job that was killed has left at work
    is waited for, so that no two processes ever write the same file.

    Raises:
        SystemExit: with status 1 after a ``DynsparseError``, whose message has been printed.
    """
    original = sys.stderr
    with open(path, "a", buffering=1) as log:  # noqa: PTH123 (a stream, not a path, is wanted)
        if not lock(log, fcntl.LOCK_EX | fcntl.LOCK_NB):
            say(f"{path}: waiting for a process that a killed run of this job has left")
            lock(log, fcntl.LOCK_EX)
        log.truncate(0)
        sys.stderr = _Tee(original, log)
        try:
            yield
        except DynsparseError as error:
            sys.stderr.write(f"error: {error}\n")
            raise SystemExit(1) from None
        finally:
            sys.stderr = original


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
