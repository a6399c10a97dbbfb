"""What outputs feel of an input that is redrawn: found where it is planted, and only there."""

import numpy as np
import pyarrow as pa
import pytest

from dynsparse.finite_influence import MOVED, SCHEMA, Samples, counted, largest_change
from dynsparse.sparsity.parquet import with_metadata
from dynsparse.tables.table_influence import table_influence

RNG = np.random.default_rng(0)


def wall(state, action, memory):
    """The first body flies; the second is pushed by the first beyond 1, and by the action."""
    push = np.maximum(state[:, 0] - 1, 0)
    return np.stack([state[:, 0] + 0.1, state[:, 1] + push + action[:, 0]], axis=1)


@pytest.fixture
def here():
    """Five samples, all of them short of the wall."""
    state = np.stack([np.linspace(0.0, 0.8, 5), RNG.normal(size=5)], axis=1)
    action = RNG.normal(size=(5, 1))
    zero = np.broadcast_to([[False, True, True], [True, False, False]], (5, 2, 3))
    return Samples(state, action, np.zeros((5, 1)), wall(state, action, None), zero)


def redrawn(first, draws=1):
    """Every input's value elsewhere; of the first input the one given."""
    others = RNG.normal(size=(draws, 5, 3))
    others[..., 0] = first
    return others


def test_a_wall_is_met_only_by_who_goes_far_enough(here):
    far = counted(largest_change(wall, here, redrawn(2.0), 1.0), here.zero)
    near = counted(largest_change(wall, here, redrawn(2.0), 0.1), here.zero)
    assert far == {"elements": 30, "zeros": 15, "zeros_moved": 5, "others_still": 0}
    # A tenth of the way: from 0.8 to 0.92 at most.
    assert near == {"elements": 30, "zeros": 15, "zeros_moved": 0, "others_still": 0}


def test_a_change_is_that_of_the_step_and_the_largest_of_all_draws(here):
    others = redrawn(2.0, draws=3)
    change = largest_change(wall, here, others, 1.0)
    np.testing.assert_allclose(change[:, 1, 0], 1.0)
    inputs = np.concatenate([here.state, here.action], axis=1)
    far = np.abs(others - inputs).max(axis=0)
    np.testing.assert_allclose(change[:, 1, 1:], far[:, 1:], rtol=1e-12)


def test_what_rounding_moves_is_still(here):
    change = np.full((5, 2, 3), MOVED / 2)
    assert counted(change, here.zero)["others_still"] == 15
    assert counted(3 * change, here.zero)["zeros_moved"] == 15


def test_an_input_that_never_varies_is_left_out(here):
    others = redrawn(2.0)
    others[..., 1] = here.state[:, 1]
    found = counted(largest_change(wall, here, others, 1.0), here.zero)
    assert (found["elements"], found["zeros"]) == (20, 10)


def test_a_step_that_blows_up_has_moved(here):
    def explosive(state, action, memory):
        after = wall(state, action, memory)
        after[state[:, 0] > 1] = np.nan
        return after

    assert np.isinf(largest_change(explosive, here, redrawn(2.0), 1.0)[..., 0]).all()


def test_the_table_sums_over_seeds():
    counts = {"samples": 10, "elements": 100, "zeros": 40, "zeros_moved": 10, "others_still": 3}
    rows = [
        {"environment": "E", "behaviour": "b", "seed": seed, "radius": radius, **counts}
        for seed in (0, 1)
        for radius in (0.1, 1.0)
    ]
    rows = [row | {"unrepeated": row["seed"]} for row in rows]
    rows[1]["zeros_moved"] = 20
    table = with_metadata(pa.Table.from_pylist(rows, schema=SCHEMA), "influence", sources=[])
    far, near = table_influence([table]).to_pylist()
    assert (far["radius"], near["radius"]) == (1.0, 0.1)
    assert (far["samples"], far["unrepeated"], far["zeros_percent"]) == (20, 1, 40.0)
    assert far["zeros_moved_percent"] == pytest.approx(100 * 30 / 80)
    assert far["others_still_percent"] == pytest.approx(100 * 6 / 120)
    assert far["still_percent"] == pytest.approx(100 * (80 - 30 + 6) / 200)
    assert near["wrong_per_sample"] == pytest.approx((20 + 6) / 20)
