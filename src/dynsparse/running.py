"""Who is at work on a study: locks that the kernel drops when their process dies.

A lock that is a file outlives a killed process and then needs a hand. These do not: they are
``flock`` locks, which last as long as the process that holds them, however it ends.
"""

import fcntl
import os
import platform
from pathlib import Path
from typing import TextIO

from dynsparse.console import say
from dynsparse.errors import DynsparseError
from dynsparse.files import lock


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
    if not lock(run, fcntl.LOCK_EX | fcntl.LOCK_NB):
        holder = run.read().strip() or "another process"
        raise DynsparseError(
            f"study {study!r}: a run is at work on it in this folder ({holder}); wait until it ends"
        )
    run.truncate(0)
    run.write(f"process {os.getpid()} on {platform.node()}")
    run.flush()
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


def _open(folder: Path, name: str) -> TextIO:
    path = folder / f"{name}.lock"
    path.touch()
    return path.open("r+")
