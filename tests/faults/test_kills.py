"""Thirty kills at random moments, others each time: see the driver, which prints their seed."""

import os
import random
import signal
import subprocess
import sys
from itertools import islice

import driver
import psutil
import pytest
from driver import STRIKES, drive, kinds_at_random

pytestmark = pytest.mark.faults

# Enough of the DAG to reach from simulation to tables and figures.
TARGETS = ["table_1", "figure_5", "figure_7", "verification"]


def test_a_study_killed_thirty_times_is_that_of_a_quiet_run(tmp_path):
    done = drive(tmp_path, kills=30, seed=None, targets=TARGETS)
    assert done.total() >= 30
    assert set(done) == set(STRIKES), f"some way of dying was not tried: {done}"


def test_two_dozen_strikes_hold_every_way_of_dying_twice():
    for seed in range(100):
        kinds = list(islice(kinds_at_random(random.Random(seed)), 24))
        assert all(kinds.count(kind) == 2 * times for kind, times in STRIKES.items())


def stubborn(*then):
    """A process in a group of its own that cannot be terminated, and does ``then``."""
    lines = ["import signal, subprocess", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", *then]
    process = subprocess.Popen(
        [sys.executable, "-c", "\n".join([*lines, "print(flush=True)", "signal.pause()"])],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGTERM)
    return process


def test_a_snakemake_that_hangs_without_a_job_is_killed(monkeypatch):
    monkeypatch.setattr(driver, "GRACE_S", 0.5)
    process = stubborn()
    driver.await_end(process)
    assert process.returncode == -signal.SIGKILL


def test_a_job_that_outlives_being_terminated_is_a_fault(monkeypatch):
    monkeypatch.setattr(driver, "PATIENCE_S", 0.5)
    process = stubborn("subprocess.Popen(['sleep', '60'])")
    try:
        with pytest.raises(driver.Broken, match="outlives being terminated: .*sleep"):
            driver.await_end(process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_jobs_live_on_where_snakemake_is_killed_alone():
    process = stubborn("subprocess.Popen(['sleep', '60'])")
    (job,) = driver.jobs_of(process)
    driver.settle(process, driver.strike(process, "Snakemake killed alone", random.Random(0)))
    assert process.returncode == -signal.SIGKILL
    assert job.is_running() and job.status() != psutil.STATUS_ZOMBIE
    job.kill()
