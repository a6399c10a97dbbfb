"""What every job that compiles needs from its surroundings."""

import gc
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dynsparse.console import job_log
from dynsparse.files import whole_file

CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"


@contextmanager
def compiling_job(
    log: str, timing: str | None = None, samples: int | None = None
) -> Iterator[None]:
    """``job_log`` for a job that compiles.

    Args:
        log: the job's log file.
        timing: where the job's time and memory are written, for jobs that Snakemake does not
            measure (it does not measure those whose results are shared through its cache).
        samples: how many samples the job makes.
    """
    prepare_to_compile()
    started = time.perf_counter()
    with job_log(log):
        yield
        if timing:
            _write_timing(timing, time.perf_counter() - started, samples)


def _write_timing(path: str, seconds: float, samples: int | None) -> None:
    """One row with Snakemake's names: seconds, peak memory (MB), and samples per second."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {"s": f"{seconds:.2f}", "max_rss": f"{peak_mb:.2f}"}
    if samples:
        row |= {"samples": str(samples), "samples_per_s": f"{samples / seconds:.3f}"}
    with whole_file(path) as temporary:
        temporary.write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")


def prepare_to_compile() -> None:
    """Keep compiled programs on disk, so that the next seed does not compile again.

    In ``JAX_COMPILATION_CACHE_DIR`` if it is set, else in the user's cache folder. Python looks for
    garbage less often: tracing makes millions of objects that stay, and to go through them at the
    usual rate takes a quarter of the time.
    """
    import jax

    gc.set_threshold(100_000, 50, 100)
    if CACHE_VARIABLE not in os.environ:
        folder = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
        jax.config.update("jax_compilation_cache_dir", str(folder / "dynsparse" / "jax"))
