"""The real DAG in a real Slurm: submitted, out of memory, interrupted, resumed, shared."""

import os
import signal
import time
from collections import Counter

import pytest
from one_node import UNAVAILABLE, run_script

pytestmark = pytest.mark.cluster

TARGETS = ("table_1", "figure_5", "verification")
DATA = "results/micro/data/CartpoleBalance/random/seed-0.h5"
PATIENCE_S = 240


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE_S} s until {what}"
        time.sleep(0.2)


def states(jobs):
    return [job["JobState"] for job in jobs]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return {"SNAKEMAKE_OUTPUT_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="module")
def interrupted(slurm, new_project, cache):
    """A study stopped by Ctrl-C while its verification was running."""
    project = new_project()
    process = project.start(*TARGETS, "--profile", "slurm", **cache)
    wait_until(lambda: "RUNNING" in states(slurm.of_rule("verify_jacobians")), "it verifies")
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    return project


@pytest.fixture(scope="module")
def resumed(slurm, interrupted, cache):
    """The same study, finished by a second start, in which one job takes too much memory."""
    assert slurm.of_rule("verify_jacobians")
    hungry = {"HUNGRY": "measure_patterns.py"}
    output = interrupted.snakemake(*TARGETS, "--profile", "slurm", **cache, **hungry).stdout
    return interrupted, output


def test_ctrl_c_empties_the_queue_and_leaves_no_part_of_a_file(slurm, interrupted):
    alive = {"PENDING", "RUNNING", "COMPLETING"}
    wait_until(lambda: not alive & set(states(slurm.jobs())), "the queue is empty")
    assert states(slurm.of_rule("verify_jacobians")) == ["CANCELLED"]
    names = [path.name for path in interrupted.files()]
    assert DATA.rsplit("/", 1)[-1] in names
    assert "verification.parquet" not in names


def test_a_second_start_does_what_is_missing(slurm, resumed):
    assert states(slurm.of_rule("collect_jacobians")) == ["COMPLETED"]
    assert states(slurm.of_rule("verify_jacobians")) == ["CANCELLED", "COMPLETED"]
    done = Counter(job["Comment"] for job in slurm.of_rule("") if job["JobState"] == "COMPLETED")
    assert set(done.values()) == {1}


def test_a_job_out_of_memory_is_submitted_with_more(slurm, resumed):
    _, output = resumed
    jobs = [job for job in slurm.of_rule("measure_patterns") if job["JobState"] != "CANCELLED"]
    assert states(jobs) == ["FAILED", "COMPLETED"]
    first, second = (int(job["MinMemoryNode"].rstrip("M")) for job in jobs)
    assert second == 2 * first
    minutes = [job["TimeLimit"] for job in jobs]
    assert minutes[0] < minutes[1]
    assert "Trying to restart job" in output


def test_jobs_that_collect_get_a_gpu_and_no_others(slurm, resumed):
    with_gpu = {job["Comment"] for job in slurm.of_rule("") if "gpu" in job.get("TresPerJob", "")}
    assert {comment.split("_wildcards")[0] for comment in with_gpu} == {"rule_collect_jacobians"}


def test_the_results_are_those_of_a_local_run(resumed, new_project):
    local = new_project()
    local.snakemake(*TARGETS)
    assert resumed[0].digests() == local.digests()


def test_a_second_checkout_gets_its_dataset_from_the_cache(slurm, resumed, new_project, cache):
    other = new_project()
    before = len(slurm.of_rule("collect_jacobians"))
    other.snakemake(DATA, "--profile", "slurm", **cache)
    assert len(slurm.of_rule("collect_jacobians")) == before + 1
    assert (other.root / DATA).is_symlink()
    assert (other.root / DATA).resolve() == (resumed[0].root / DATA).resolve()
    log = other.results / "logs/collect_jacobians/CartpoleBalance/random/seed-0.log"
    assert log.stat().st_size == 0, "the job computed"


def test_starting_again_changes_nothing(slurm):
    pid = (slurm.folder / "run/slurmctld.pid").read_text()
    assert run_script("start", slurm.folder).returncode == 0
    assert (slurm.folder / "run/slurmctld.pid").read_text() == pid


def test_another_slurm_is_left_alone(slurm, tmp_path):
    second = run_script("start", tmp_path)
    assert second.returncode == UNAVAILABLE
    assert "belongs to another Slurm" in second.stdout
    assert run_script("stop", tmp_path).returncode == 0
    assert run_script("start", slurm.folder).returncode == 0
