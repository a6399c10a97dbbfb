"""Jacobians in batches: the same as sample by sample, whichever program made them."""

import numpy as np
import pytest

from dynsparse.jacobians import batched_jacobians
from dynsparse.jacobians.batches import _in_batches
from dynsparse.jacobians.methods import Linearisation

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("samples", [1, 4, 5, 12])
def test_batches_are_put_together_in_order(samples):
    def program(state, action):
        return Linearisation(state + action, state[:, :, None], action[:, :, None], None)

    state, told = np.arange(2.0 * samples).reshape(-1, 2), []
    result = _in_batches(program, (state, -state), 4, told.append)
    np.testing.assert_array_equal(result.next_state, 0 * state)
    np.testing.assert_array_equal(result.state_jacobian[..., 0], state)
    assert sum(told) == samples


def test_hybrid_takes_the_second_program_where_the_solver_was_cut_off(finger, wander):
    inputs = wander(finger, 60, seed=5)
    quick, both = (batched_jacobians(finger, name, 30)(*inputs) for name in ("implicit", "hybrid"))
    cut_off = ~both.record.solver_converged
    assert cut_off.any()
    assert not cut_off.all()
    np.testing.assert_array_equal(quick.record.solver_converged, ~cut_off)
    same = (quick.state_jacobian == both.state_jacobian).all(axis=(1, 2))
    assert same[~cut_off].all()
    assert not same[cut_off].any()
