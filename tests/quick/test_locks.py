"""A study or a folder is claimed by one run, and by nobody once its process is dead."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dynsparse.errors import DynsparseError
from dynsparse.running.locks import claim_study, claimed, join_study

HOLD = """
import sys, time
from pathlib import Path
from dynsparse.running.locks import claim_study, join_study
kind, folder = sys.argv[1], Path(sys.argv[2])
held = {"run": claim_study, "job": join_study}[kind](folder, "micro")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """``holder("run")``: a process that has claimed the study; ("job"): one that works for it."""
    processes = []

    def start(kind):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, kind, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_second_run_is_refused_and_told_by_whom(tmp_path, holder):
    first = holder("run")
    with pytest.raises(DynsparseError, match=rf"study 'micro': .* \(process {first.pid} on "):
        claim_study(tmp_path, "micro")


def test_another_study_in_the_same_folder_is_free(tmp_path, holder):
    holder("run")
    assert claim_study(tmp_path, "other")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_dead_run_holds_nothing(tmp_path, holder, how):
    process = holder("run")
    os.kill(process.pid, how)
    process.wait()
    claim_study(tmp_path, "micro")
    assert (tmp_path / "micro.run.lock").read_text().startswith(f"process {os.getpid()} on ")


def test_a_run_waits_for_the_jobs_of_a_dead_one(tmp_path, holder, capsys):
    job = holder("job")
    killer = subprocess.Popen(["sh", "-c", f"sleep 1; kill -9 {job.pid}"])
    started = time.monotonic()
    claim_study(tmp_path, "micro")
    assert time.monotonic() - started > 0.9
    assert "waiting for jobs that a killed run has left running" in capsys.readouterr().err
    killer.wait()


def test_jobs_do_not_wait_for_each_other_nor_for_their_run(tmp_path, holder):
    holder("run")
    holder("job")
    assert join_study(tmp_path, "micro")


def test_a_folder_is_free_again_after_its_run_whether_that_failed_or_not(tmp_path):
    with pytest.raises(KeyboardInterrupt), claimed(tmp_path):
        raise KeyboardInterrupt
    with claimed(tmp_path):
        pass
