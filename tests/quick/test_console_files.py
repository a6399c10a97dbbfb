"""Whole files, logs of jobs, progress, precision: what every job leans on."""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynsparse.errors import DynsparseError, did_you_mean, printable
from dynsparse.precision import precision
from dynsparse.running.compiling import (
    CACHE_VARIABLE,
    RENDERER_VARIABLE,
    cache_folder,
    quiet_surroundings,
)
from dynsparse.running.console import job_log, progress
from dynsparse.storage.files import check_writable, sha256, whole_file


def names(folder):
    return sorted(item.name for item in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "table.parquet"
    with whole_file(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".parquet"
    assert path.read_text() == "half"
    assert names(path.parent) == ["table.parquet"]


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "taken").write_text("")
    path = tmp_path / "taken" / "table.csv"
    with pytest.raises(DynsparseError) as caught, whole_file(path):
        pytest.fail("there is no folder to write into")
    assert str(caught.value).startswith(f"{path}: cannot be written: ")


def test_a_full_disk_is_one_line(tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(DynsparseError) as caught, whole_file(path):
        Path("/dev/full").write_text("x")
    assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert names(tmp_path) == []


def test_a_digest_is_sha256_of_the_bytes(tmp_path):
    content = os.urandom(300_000)
    (tmp_path / "x").write_bytes(content)
    assert sha256(tmp_path / "x") == hashlib.sha256(content).hexdigest()


@pytest.fixture
def terminal(tmp_path):
    with (tmp_path / "terminal").open("w", buffering=1) as stream:
        yield stream


def test_a_job_says_a_known_error_in_one_line(tmp_path, terminal, monkeypatch):
    log = tmp_path / "job.log"
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(SystemExit) as stopped, job_log(str(log)):
        print("working", file=sys.stderr)
        raise DynsparseError("x.h5: no such file")
    assert stopped.value.code == 1
    assert sys.stderr is terminal
    said = "working\nerror: x.h5: no such file\n"
    assert log.read_text() == Path(terminal.name).read_text() == said


def test_a_job_does_not_hide_an_error_that_is_not_known(tmp_path, terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ZeroDivisionError), job_log(str(tmp_path / "job.log")):
        raise ZeroDivisionError
    assert sys.stderr is terminal


LEFT_AT_WORK = """
import sys, time
from dynsparse.running.console import job_log
with job_log(sys.argv[1]):
    print("held", flush=True)
    time.sleep(1)
    open(sys.argv[2], "w").write("done")
"""


def test_a_job_waits_for_the_process_that_a_killed_run_has_left(tmp_path):
    log, result = tmp_path / "job.log", tmp_path / "result"
    command = [sys.executable, "-c", LEFT_AT_WORK, str(log), str(result)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as left:
        assert left.stdout.readline() == "held\n"
        log.unlink()  # as Snakemake does before it starts a job
        with job_log(str(log)):
            assert result.read_text() == "done"
    assert {path.name for path in tmp_path.iterdir()} == {"job.log", "result"}


def test_progress_without_a_terminal_is_plain_lines(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress(10, "CartpoleBalance seed 0", "step", initial=4) as bar:
        bar.update(6)
    lines = stream.getvalue().splitlines()
    assert "4/10" in lines[0]
    assert "10/10" in lines[-1]
    assert all("CartpoleBalance seed 0" in line for line in lines)
    assert "\r" not in stream.getvalue()


def test_the_nearest_name_is_offered_however_far():
    assert did_you_mean("steps", ["episodes", "steps_"]) == "did you mean 'steps_'?"
    assert did_you_mean("", ["alpha"]) == "did you mean 'alpha'?"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_a_context(dtype):
    before = jnp.ones(1).dtype
    with precision(dtype):
        assert jnp.ones(1).dtype == np.dtype(dtype)
        assert jax.config.jax_default_matmul_precision == "highest"
    assert jnp.ones(1).dtype == before


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({CACHE_VARIABLE: "/somewhere"}, "/somewhere"),
        ({"XDG_CACHE_HOME": "/caches"}, "/caches/dynsparse/jax"),
        ({"HOME": "/home/user"}, "/home/user/.cache/dynsparse/jax"),
    ],
)
def test_compiled_programs_are_kept_on_disk(variables, expected):
    code = (
        "import jax; from dynsparse.running.compiling import prepare_to_compile\n"
        "prepare_to_compile(); "
        "print(jax.config.jax_compilation_cache_dir)"
    )
    ours = {CACHE_VARIABLE, "XDG_CACHE_HOME", "HOME"}
    environment = {k: v for k, v in os.environ.items() if k not in ours} | variables
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == expected


def test_without_a_home_programs_are_kept_with_temporary_files(tmp_path, monkeypatch):
    def homeless(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    folder = cache_folder()
    assert folder == cache_folder() == tmp_path / f"dynsparse-{os.getuid()}"
    assert folder.stat().st_mode & 0o077 == 0
    # One that somebody else has put there might hold somebody else's programs.
    owner, other = os.getuid(), os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    folder.rename(tmp_path / f"dynsparse-{other}")
    assert cache_folder().name != f"dynsparse-{other}"
    assert cache_folder().stat().st_uid == owner


def test_what_a_shell_says_to_mujoco_and_matplotlib_is_for_drawing_alone(monkeypatch):
    for name, value in {"MUJOCO_GL": "nonsense", "MPLBACKEND": "nonsense"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(RENDERER_VARIABLE, raising=False)
    quiet_surroundings()
    assert os.environ.pop(RENDERER_VARIABLE) == "nonsense"
    assert not {"MUJOCO_GL", "MPLBACKEND"} & set(os.environ)


def test_what_would_steer_a_terminal_is_escaped():
    assert printable("\x1b[31mred\x07\n\u202e hö 名") == r"\x1b[31mred\x07\n\u202e hö 名"


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, foreign = tmp_path / f".a.{dead.pid}.csv", tmp_path / f".a.{dead.pid}.txt"
    living = tmp_path / f".a.{os.getppid()}.csv"
    for path in (left, foreign, living):
        path.write_text("part")
    with whole_file(tmp_path / "a.csv") as temporary:
        temporary.write_text("whole")
    assert sorted(tmp_path.iterdir()) == sorted([foreign, living, tmp_path / "a.csv"])


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    check_writable(tmp_path / "new/folder")
    assert names(tmp_path / "new/folder") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(DynsparseError, match=r"file/folder: cannot be written: Not a directory"):
        check_writable(tmp_path / "file/folder")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_job_has_the_threads_that_it_was_given(threads, tmp_path):
    """XLA's, on a CPU, whatever cores there are and whatever the shell says."""
    code = (
        "import os\n"
        "from dynsparse.running.compiling import compiling_job\n"
        f"with compiling_job({str(tmp_path / 'log')!r}, threads={threads}):\n"
        "    import jax; jax.jit(lambda x: x + 1)(1.0)\n"
        "    tasks = os.listdir('/proc/self/task')\n"
        "    names = [open(f'/proc/self/task/{task}/comm').read() for task in tasks]\n"
        "print(sum('XLAEigen' in name for name in names))\n"
    )
    environment = {**os.environ, "NPROC": "7", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.split()[-1] == str(threads)
