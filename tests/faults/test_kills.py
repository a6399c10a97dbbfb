"""Thirty kills at random moments, others each time: see the driver, which prints their seed."""

import random
from itertools import islice

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
