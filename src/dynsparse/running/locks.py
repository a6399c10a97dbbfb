"""Who is at work on a study or an expert: locks that the kernel drops when their process dies.

A lock that is a file outlives a killed process and then needs a hand. These do not: they are
``flock`` locks, which last as long as the process that holds them, however it ends.
"""

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from dynsparse.errors import DynsparseError
from dynsparse.running.console import say
from dynsparse.storage.files import lock


def claim_study(folder: Path, study: str) -> tuple[TextIO, TextIO]:
    """Claim a study for this process; it is claimed while the returned files are open.

    Jobs that an earlier run left when it was killed are waited for, so that no two processes
    ever write the same file.

    Args:
        folder: where the locks are kept, one for runs and one for their jobs.
        study: the name of the study.

    Raises:
        DynsparseError: another run has claimed the study.
    """
    run, jobs = _open(folder, f"{study}.run"), _open(folder, f"{study}.jobs")
    _claim(run, f"study {study!r}: a run is at work on it in this folder")
    if not lock(jobs, fcntl.LOCK_EX | fcntl.LOCK_NB):
        say(f"study {study!r}: waiting for jobs that a killed run has left running ({jobs.name})")
        lock(jobs, fcntl.LOCK_EX)
    lock(jobs, fcntl.LOCK_UN)
    return run, jobs


def join_study(folder: Path, study: str) -> TextIO:
    """Show that a job of a study is alive, while the returned file is open."""
    jobs = _open(folder, f"{study}.jobs")
    lock(jobs, fcntl.LOCK_SH)
    return jobs


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Claim a folder for this process while the context lasts; it is made where it is missing.

    Raises:
        DynsparseError: another process has claimed the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _open(folder, "run") as file:
        _claim(file, f"{folder}: another run is at work in it")
        yield


def _claim(file: TextIO, refusal: str) -> None:
    """Lock a file and write there who did; ``refusal`` begins the error's text."""
    if not lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
        holder = file.read().strip() or "another process"
        raise DynsparseError(f"{refusal} ({holder}); wait until it ends")
    file.truncate(0)
    file.write(f"process {os.getpid()} on {platform.node()}")
    file.flush()


def _open(folder: Path, name: str) -> TextIO:
    path = folder / f"{name}.lock"
    path.touch()
    return path.open("r+")
