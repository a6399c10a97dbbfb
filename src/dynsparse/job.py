"""What every job that compiles needs from its surroundings."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dynsparse.console import job_log

CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"


@contextmanager
def compiling_job(log: str) -> Iterator[None]:
    """``job_log`` with compiled programs kept on disk, so that later seeds do not compile."""
    import jax

    if CACHE_VARIABLE not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(default_cache()))
    with job_log(log):
        yield


def default_cache() -> Path:
    """Where compiled programs go unless ``JAX_COMPILATION_CACHE_DIR`` says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "dynsparse" / "jax"
