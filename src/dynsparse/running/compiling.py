"""What every job that compiles needs from its surroundings."""

import gc
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dynsparse.running.console import job_log
from dynsparse.storage.files import whole_file

CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"
# How many cores there are, for XLA, which reads it when it begins.
THREADS_VARIABLE = "NPROC"
# Where ``MUJOCO_GL`` is kept, for drawing alone.
RENDERER_VARIABLE = "DYNSPARSE_MUJOCO_GL"


def quiet_surroundings() -> None:
    """Keep this process and its jobs from what a shell says to libraries as they are imported.

    XLA warns about each program that it takes from its cache. MuJoCo fails where the renderer in
    ``MUJOCO_GL`` does not work, and Matplotlib where it does not know ``MPLBACKEND``, also if
    nothing is drawn, or nothing is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.pop("MPLBACKEND", None)
    if "MUJOCO_GL" in os.environ:
        os.environ[RENDERER_VARIABLE] = os.environ.pop("MUJOCO_GL")


@contextmanager
def compiling_job(
    log: str,
    timing: str | None = None,
    samples: int | None = None,
    threads: int | None = None,
) -> Iterator[None]:
    """``job_log`` for a job that compiles.

    Args:
        log: the job's log file.
        timing: where the job's time and memory are written, for jobs that Snakemake does not
            measure (it does not measure those whose results are shared through its cache).
        samples: how many samples the job makes.
        threads: of XLA on a CPU; None: one per core. Small operations take longer on two threads
            than on one, above all where other jobs have the other cores, and what comes out then
            depends on the number of cores.
    """
    if threads is not None:
        os.environ[THREADS_VARIABLE] = str(threads)
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

    In ``JAX_COMPILATION_CACHE_DIR`` if it is set, else in the user's cache folder, or in one for
    temporary files where the user has no home. Python looks for garbage less often: tracing makes
    millions of objects that stay, and to go through them at the usual rate takes a quarter of the
    time.
    """
    import jax

    gc.set_threshold(100_000, 50, 100)
    if CACHE_VARIABLE not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "jax"))


def cache_folder() -> Path:
    """The user's folder for what can be computed again."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dynsparse"
    except RuntimeError:  # no home: a container's user without an entry in /etc/passwd
        folder = Path(tempfile.gettempdir(), f"dynsparse-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        # Programs that somebody else has put there are not run.
        owned = folder.stat(follow_symlinks=False).st_uid == os.getuid()
        return folder if owned else Path(tempfile.mkdtemp(prefix="dynsparse-"))
