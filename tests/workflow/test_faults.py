"""What the DAG makes of kills, damaged files and impossible settings."""

import os
import signal

import pytest

from dynsparse.storage.files import sha256

# Whoever uses the finished study shares a worker with it.
pytestmark = pytest.mark.xdist_group("micro")

DATA = "data/CartpoleBalance/random/seed-0.h5"

# Loaded by every Python of a run; kills a collection that is about to write when so many
# episodes are written.
KILLING = """
import os, sys

if any("collect_jacobians" in argument for argument in sys.orig_argv):
    from dynsparse.dataset.writer import BlockWriter

    def deadly(method):
        def call(self, *arguments):
            if int(self.written.sum()) == int(os.environ["KILL_AT"]):
                os.kill(os.getpid(), int(os.environ["KILL_WITH"]))
            return method(self, *arguments)
        return call

    BlockWriter.write = deadly(BlockWriter.write)
    BlockWriter.finish = deadly(BlockWriter.finish)
"""


def test_a_killed_collection_goes_on_to_the_same_file(finished, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(KILLING)
    killed = finished.variant(study="killed")
    target = f"results/killed/{DATA}"
    folder = (killed.root / target).parent
    deadly = os.pathsep.join([str(tmp_path), str(finished.root / "src")])
    # Before the first block, between two blocks, and before the file gets its final name.
    # Slurm terminates a job before it kills it.
    for written, how in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)):
        when = {"KILL_AT": str(written), "KILL_WITH": str(int(how))}
        died = killed.snakemake(target, check=False, PYTHONPATH=deadly, **when)
        assert died.returncode == 1
        assert how.name in died.stdout
        assert [item.name for item in folder.iterdir()] == ["seed-0.h5.partial"]
    killed.snakemake(target)
    assert [item.name for item in folder.iterdir()] == ["seed-0.h5"]
    assert sha256(killed.root / target) == sha256(killed.root / f"results/micro/{DATA}")


def test_a_damaged_dataset_ends_its_job_with_one_line(finished):
    damaged = finished.variant(study="damaged")
    data = damaged.root / f"results/damaged/{DATA}"
    data.parent.mkdir(parents=True)
    data.write_bytes((damaged.root / f"results/micro/{DATA}").read_bytes()[:5000])
    target = "results/damaged/statistics/CartpoleBalance/random/seed-0/elements.parquet"
    # By modification time alone: Snakemake did not make this file and would make it anew.
    done = damaged.snakemake(target, "--rerun-triggers", "mtime", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    logs = damaged.root / "results/damaged/logs/measure_patterns/CartpoleBalance/random"
    (line,) = (logs / "seed-0.log").read_text().splitlines()
    assert line.startswith(f"error: results/damaged/{DATA}: not a whole HDF5 file: ")
    assert line in done.stdout
    assert not (damaged.root / target).exists()


IMPOSSIBLE = {
    "collection.steps: -1 is less than the minimum of 1": {
        "collection": {"episodes": 2, "steps": -1, "block_episodes": 1, "batch_samples": 30}
    },
    "sparsity.threshold: '1e-12' is not of type 'number'": {
        "sparsity": {"threshold": "1e-12", "other_thresholds": []}
    },
    "environments: 'CartpoleBalence' does not exist; did you mean 'CartpoleBalance'?": {
        "environments": {"CartpoleBalence": {"behaviours": ["random"]}}
    },
}


@pytest.mark.parametrize("message", IMPOSSIBLE)
def test_an_impossible_study_runs_no_job(project, message):
    bad = project.variant(study="bad", **IMPOSSIBLE[message])
    done = bad.snakemake(check=False)
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line.startswith(f"config: {message}")]
    assert "Traceback" not in done.stdout
    assert "Job stats" not in done.stdout
    assert not (bad.root / "results/bad").exists()
