"""Thirty kills at random moments, others each time: see the driver, which prints their seed."""

import pytest
from driver import drive

pytestmark = pytest.mark.faults

# Enough of the DAG to reach from simulation to tables and figures.
TARGETS = ["table_1", "figure_5", "verification"]


def test_a_study_killed_thirty_times_is_that_of_a_quiet_run(tmp_path):
    done = drive(tmp_path, kills=30, seed=None, targets=TARGETS)
    assert done.total() >= 30
    assert len(done) == 5, f"some way of dying was not tried: {done}"
