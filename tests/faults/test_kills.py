"""Thirty kills at seeded random moments: see the driver."""

import pytest
from driver import drive

pytestmark = pytest.mark.faults

# Enough of the DAG to reach from simulation to tables and figures.
TARGETS = ["table_1", "figure_5", "verification"]


def test_a_study_killed_thirty_times_is_that_of_a_quiet_run(tmp_path):
    done = drive(tmp_path, kills=30, seed=2026, targets=TARGETS)
    assert done.total() >= 30
    assert len(done) == 5, f"some way of dying was not tried: {done}"
