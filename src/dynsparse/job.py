"""What every job that compiles needs from its surroundings."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dynsparse.console import job_log

CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"


@contextmanager
def compiling_job(log: str) -> Iterator[None]:
    """``job_log`` for a job that compiles."""
    cache_compilations()
    with job_log(log):
        yield


def cache_compilations() -> None:
    """Keep compiled programs on disk, so that the next seed does not compile again.

    In ``JAX_COMPILATION_CACHE_DIR`` if it is set, else in the user's cache folder.
    """
    import jax

    if CACHE_VARIABLE not in os.environ:
        folder = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
        jax.config.update("jax_compilation_cache_dir", str(folder / "dynsparse" / "jax"))
