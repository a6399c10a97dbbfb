"""Full and unwritable disks, damaged files, and two runs at once."""

import os
import shutil
import signal
import subprocess
import time

import h5py
import pytest

pytestmark = pytest.mark.faults

CASE = "CartpoleBalance/random"
DATA = f"data/{CASE}/seed-0.h5"
ELEMENTS = f"merged/{CASE}/elements.parquet"
PATTERNS = f"statistics/{CASE}/seed-0/patterns.parquet"
DURATIONS = f"merged/{CASE}/durations.parquet"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def mounted(folder, options):
    """A command that runs another with a small file system over ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    # A file in it: Snakemake removes folders that a failed job leaves empty, mounted or not.
    fill = f'mount -t tmpfs -o size=8k none "{folder}" && touch "{folder}/.kept"'
    script = f'{fill} && mount -o remount,{options} "{folder}" && exec "$@"'
    return [*NAMESPACE, "sh", "-c", script, "sh"]


@pytest.fixture(autouse=True, scope="module")
def mounts(tmp_path_factory):
    """Skip where nobody may mount; never pretend."""
    under = mounted(tmp_path_factory.mktemp("mount"), "size=4k")
    tried = subprocess.run([*under, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")


STAGES = {
    f"data/{CASE}": (DATA, "8k"),
    f"statistics/{CASE}/seed-0": (PATTERNS, "4k"),
    f"merged/{CASE}": (ELEMENTS, "4k"),
    "tables": ("tables/table_1.parquet", "4k"),
    "figures": ("figures/figure_5.svg", "4k"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_names_the_file_and_leaves_nothing(study, digests, stage):
    name, size = STAGES[stage]
    folder, target = study.results / stage, f"results/micro/{name}"
    shutil.rmtree(folder)
    done = study.snakemake(target, check=False, under=mounted(folder, f"size={size}"))
    assert done.returncode == 1
    assert "cannot be written: No space left on device" in done.stdout
    assert f"error: results/micro/{stage}/" in done.stdout
    assert "Traceback" not in done.stdout
    # With room again, the same command makes it.
    mend(study, digests)


def test_an_unwritable_results_folder_stops_before_any_job(study, digests):
    done = study.snakemake(
        "figure_5", "--forcerun", "figure_5", check=False, under=mounted(study.results, "ro")
    )
    assert done.returncode == 1
    assert "results/micro: cannot be written: Read-only file system" in done.stdout
    assert "rule figure_5" not in done.stdout
    assert study.digests() == digests


def mend(study, digests):
    """Ask for every file by its name: one that nothing new needs is not made again otherwise."""
    study.snakemake(*(f"results/micro/{name}" for name in digests))
    assert study.digests() == digests


def flip(path):
    """Flip one bit: of a Jacobian in HDF5, in the middle of another file."""
    before = path.stat()
    where = before.st_size // 2
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            where = file["state_jacobian"].id.get_offset() + 1000
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncate(path):
    """Keep two thirds of a file."""
    before = path.stat()
    os.truncate(path, before.st_size * 2 // 3)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("damage", [flip, truncate])
@pytest.mark.parametrize(
    ("name", "reader"),
    [(DATA, PATTERNS), (PATTERNS, DURATIONS), (ELEMENTS, "tables/table_1.parquet")],
)
def test_a_damaged_file_is_named_by_its_reader_and_made_again(study, digests, damage, name, reader):
    path = study.results / name
    damage(path)
    (study.results / reader).unlink()
    done = study.snakemake(f"results/micro/{reader}", check=False)
    assert done.returncode == 1
    assert f"error: results/micro/{name}: " in done.stdout
    assert "Traceback" not in done.stdout
    assert not (study.results / reader).exists()
    path.unlink()
    mend(study, digests)


def test_a_second_run_of_a_study_is_refused_and_a_killed_one_is_not_in_the_way(study):
    slow = study.variant(study="slow")
    first = slow.start("table_1")
    lock = slow.root / ".snakemake/slow.run.lock"
    end = time.monotonic() + 120
    while not (lock.is_file() and lock.read_text()):
        assert time.monotonic() < end
        time.sleep(0.05)
    second = slow.snakemake("table_1", check=False)
    assert second.returncode == 1
    assert f"study 'slow': a run is at work on it in this folder (process {first.pid} on" in (
        second.stdout
    )
    assert "Traceback" not in second.stdout
    assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    slow.snakemake("table_1")
