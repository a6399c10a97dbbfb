"""Jacobians in batches: the same as sample by sample, whichever program made them."""

import copy
import time
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from dynsparse.environments.dynamics import StepRecord
from dynsparse.jacobians import batched_jacobians, batches
from dynsparse.jacobians.batches import in_batches
from dynsparse.jacobians.methods import QUICK_HYBRID, Linearisation
from dynsparse.suite import environment_names

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("samples", [1, 4, 5, 12])
def test_batches_are_put_together_in_order(samples):
    def program(state, action):
        return Linearisation(state + action, state[:, :, None], action[:, :, None], None)

    state, told = np.arange(2.0 * samples).reshape(-1, 2), []
    result = in_batches(program, (state, -state), 4, told.append)
    np.testing.assert_array_equal(result.next_state, 0 * state)
    np.testing.assert_array_equal(result.state_jacobian[..., 0], state)
    assert sum(told) == samples


def test_batches_are_computed_in_the_precision_of_who_asks():
    def program(state):
        return jax.jit(lambda x: x / 3)(state)

    result = in_batches(program, (np.arange(12.0),), 2)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, np.arange(12.0) / 3, rtol=1e-15)


def test_an_interrupt_ends_the_batches_that_are_left():
    asked = []

    def program(values):
        asked.append(values[0])
        time.sleep(0.01)
        return values

    def interrupted(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_batches(program, (np.arange(1000.0),), 1, interrupted)
    assert len(asked) < 1000


def blas_threads():
    """Of every BLAS that is loaded, SciPy's (hence JAX's) included."""
    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert any("scipy" in pool["filepath"] for pool in found)
    return {pool["num_threads"] for pool in found}


def test_batches_have_one_thread_of_blas_and_give_the_others_back():
    def program(values):
        seen.append(blas_threads())
        return values

    seen: list[set[int]] = []
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        in_batches(program, (np.arange(3.0),), 1)
        assert blas_threads() == before
    assert before == {2}
    assert seen == [{1}] * 3


def test_the_c_engine_has_one_batch_under_way_since_it_uses_all_cores_itself(cartpole, monkeypatch):
    under_way, most = [], []

    def program(state, action, memory):
        under_way.append(None)
        most.append(len(under_way))
        time.sleep(0.01)
        under_way.pop()
        record = StepRecord(memory, memory > 9, memory > 9, np.full(len(state), True))
        return Linearisation(state, state[:, :, None], action[:, :, None], record)

    monkeypatch.setattr(batches, "engine_linearisations", lambda dynamics: program)
    ones = np.ones((12, 1))
    batched_jacobians(cartpole, "mujoco_c", 1)(ones, ones, ones)
    assert len(most) == 12
    assert max(most) == 1


# A made-up sample is done by the optimum's program above 0, by the quick one from -2 on, and else
# by the one that follows the searches.
STATES = np.array([[1.0], [-1.0], [2.0], [-3.0], [4.0]])
NUMBERS = {"implicit": 1.0, QUICK_HYBRID: 2.0, "hybrid": 3.0}


@pytest.fixture
def made_up(monkeypatch):
    """Made-up programs, of which each gives its number; the list of those that were traced."""

    def linearise(dynamics, method, state, action, memory):
        asked.append(method)
        number = jnp.where((method == QUICK_HYBRID) & (state[0] < -2), jnp.nan, NUMBERS[method])
        record = StepRecord(memory, memory > 9, memory > 9, state[0] > 0)
        return Linearisation(state, number * jnp.eye(1), number * jnp.eye(1), record)

    asked: list[str] = []
    monkeypatch.setattr(batches, "linearise", linearise)
    return asked


@pytest.mark.parametrize(
    ("often", "programs", "numbers"),
    [
        (False, ["implicit", QUICK_HYBRID, "hybrid"], [1.0, 2.0, 1.0, 3.0, 1.0]),
        (True, [QUICK_HYBRID, "hybrid"], [2.0, 2.0, 2.0, 3.0, 2.0]),
    ],
)
def test_hybrid_asks_the_next_program_for_what_the_last_is_not_right_for(
    cartpole, monkeypatch, made_up, often, programs, numbers
):
    monkeypatch.setattr(batches, "OFTEN_CUT_OFF", {"CartpoleBalance"} if often else set())
    rest = np.zeros((5, 1))
    result = batched_jacobians(cartpole, "hybrid", 2)(STATES, rest, rest)
    assert result.state_jacobian.ravel().tolist() == numbers
    assert result.action_jacobian.ravel().tolist() == numbers
    np.testing.assert_array_equal(result.next_state, STATES)
    assert made_up == programs


def test_a_program_is_not_compiled_before_it_is_needed(cartpole, made_up):
    ones = np.ones((3, 1))
    result = batched_jacobians(cartpole, "hybrid", 2)(ones, ones, ones)
    assert result.record.solver_converged.all()
    assert made_up == ["implicit"]


def test_a_converged_solver_is_never_cut_off_often(cartpole, monkeypatch, made_up):
    monkeypatch.setattr(batches, "OFTEN_CUT_OFF", {"CartpoleBalance"})
    ones = np.ones((3, 1))
    batched_jacobians(replace(cartpole, solver="converged"), "hybrid", 2)(ones, ones, ones)
    assert made_up == ["implicit"]


def test_the_environments_that_are_often_cut_off_exist():
    assert set(environment_names()) >= batches.OFTEN_CUT_OFF


@pytest.mark.parametrize(
    ("samples", "quickly"),
    [
        (None, [False, False, False]),
        (4_000, [True, True, True]),
        (4_001, [False, True, True]),
        (40_001, [False, False, False]),
    ],
)
def test_programs_for_few_samples_are_compiled_quickly(
    cartpole, monkeypatch, made_up, samples, quickly
):
    def kept(name, module, function, identity, quickly):
        asked.append(quickly)
        return jax.jit(function)

    asked: list[bool] = []
    monkeypatch.setattr(batches, "kept", kept)
    rest = np.zeros((5, 1))
    derive = batched_jacobians(cartpole, "hybrid", 2, samples)
    derive(STATES, rest, rest)
    assert asked == quickly
    # Not by how many are left of a file that was begun before.
    derive(STATES[:1], rest[:1], rest[:1])
    assert asked == quickly


@pytest.mark.parametrize("iterations", [1, batches.MOST_ITERATIONS, batches.MOST_ITERATIONS + 1])
def test_a_solver_that_goes_on_is_never_compiled_quickly(cartpole, iterations):
    model = copy.copy(cartpole.mj_model)
    model.opt.iterations = iterations
    dynamics = replace(cartpole, environment=SimpleNamespace(mj_model=model))
    short = iterations <= batches.MOST_ITERATIONS
    assert batches.few(dynamics, 1, 4_000) == short
    assert batches.few(dynamics, 4_000, 4_000) == short
    assert not batches.few(dynamics, 4_001, 4_000)
    assert not batches.few(dynamics, None, 4_000)
