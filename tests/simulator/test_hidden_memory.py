"""What a step keeps from where its solver began: found where it is planted, and not elsewhere."""

from collections import namedtuple

import numpy as np
import pyarrow as pa
import pytest

from dynsparse import hidden_memory
from dynsparse.hidden_memory import OF_REFERENCE, SCHEMA, Steps, chained, moved, with_zero_memory
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.table_memory import table_memory

RNG = np.random.default_rng(0)
BY_STATE, BY_ACTION = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 2))
PASSED = RNG.normal(size=(2, 4))  # how the memory after a step depends on the state before it


def linear(by_memory):
    """A step whose next state depends on the memory by ``by_memory``."""

    def advance(state, action, memory):
        after = state @ BY_STATE.T + action @ BY_ACTION.T + memory @ by_memory.T
        return after, state @ PASSED.T + action

    return advance


@pytest.fixture
def steps():
    rows = 6
    state, action, memory = (RNG.normal(size=(rows, n)) for n in (4, 2, 2))
    following = RNG.normal(size=(rows, 2))
    following[-1] = np.nan  # an episode ends
    numbers, after = np.arange(rows), RNG.normal(size=(rows, 4))
    ok = np.ones(rows, bool)
    return Steps(np.zeros(rows, int), numbers, state, action, memory, after, following, ok)


def test_a_step_that_forgets_its_memory_moves_nowhere(steps):
    advance = linear(np.zeros((4, 2)))
    columns = moved(advance, steps, np.roll(np.arange(6), 1))
    assert all((values == 0).all() for values in columns.values())
    error = chained(advance, steps)["chain_error"]
    assert (error[:-1] == 0).all() and np.isnan(error[-1])


def test_a_step_moves_by_what_the_memory_does(steps):
    by_memory = RNG.normal(size=(4, 2))
    other = np.roll(np.arange(6), 1)
    columns = moved(linear(by_memory), steps, other)
    change = -steps.memory @ by_memory.T
    np.testing.assert_allclose(columns["moved_by_zero"], np.abs(change).max(axis=1))
    scaled = change / steps.next_state.std(axis=0)
    np.testing.assert_allclose(columns["square_by_zero"], (scaled**2).mean(axis=1))
    # The other warm start is the one left under the action of another sample.
    left = steps.state @ PASSED.T + steps.action[other]
    change = (left - steps.memory) @ by_memory.T
    np.testing.assert_allclose(columns["moved_by_other"], np.abs(change).max(axis=1))


def test_a_product_of_jacobians_misses_what_the_memory_passes_on(steps):
    by_memory = RNG.normal(size=(4, 2))
    error = chained(linear(by_memory), steps)["chain_error"][:-1]
    missed = np.abs(by_memory @ PASSED).max()
    largest = max(1.0, np.abs(BY_STATE @ BY_STATE).max())
    # Differences of two narrow steps: rounding of 1e-16 over a width of 1e-7.
    np.testing.assert_allclose(error, missed / largest, rtol=1e-6)


def test_jacobians_and_zeros_that_memory_changes(steps):
    Found = namedtuple("Found", "state_jacobian action_jacobian")

    def derive(state, action, memory):
        jacobian = np.ones((len(state), 4, 4))
        jacobian[0, 0, 0] = 0.0 if memory[0].any() else 1e-3
        jacobian[1, 0, 0] = 4.0 if memory[1].any() else 3.0
        return Found(jacobian, np.ones((len(state), 4, 2)))

    found = with_zero_memory(derive, steps, 1e-12)
    assert found["zeros_differ"].tolist() == [True, False, False, False, False, False]
    np.testing.assert_allclose(found["jacobian_error"], [1e-3, 0.25, 0, 0, 0, 0])


def rows(solver, **columns):
    count = len(columns["moved_by_zero"])
    same = {"environment": "A", "behaviour": "expert", "seed": 0, "solver": solver, "own": True}
    filled = {name: [value] * count for name, value in same.items()}
    filled |= {"episode": [0] * count, "step": list(range(count))}
    empty = {name: [None] * count for name in SCHEMA.names}
    return pa.table({**empty, **filled, **columns}, schema=SCHEMA)


def test_the_table_counts_what_moved_and_what_is_off():
    own = rows(
        "as_shipped",
        moved_by_zero=[0.0, 1e-10, 1e-3, 10.0],
        moved_by_other=[0.0, 0.0, 0.0, 1.0],
        square_by_zero=[0.0, 0.0, 0.0, 1.0],
        square_by_other=[0.0] * 4,
        jacobian_error=[None, 0.2, 0.05, None],
        zeros_differ=[None, True, False, None],
        chain_error=[None, 2e-4, None, 0.02],
    )
    other = rows(
        "converged",
        **{name: [0.0] * 4 for name in ("moved_by_zero", "moved_by_other")},
        **{name: [0.0] * 4 for name in ("square_by_zero", "square_by_other")},
    )
    merged = with_metadata(pa.concat_tables([own, other]), "memory", sources=["A/expert/seed-0"])
    first, second = table_memory([merged]).to_pylist()
    assert (first["solver"], first["steps"]) == ("as_shipped", 4)
    assert (first["moved_by_zero_percent"], first["moved_by_other_percent"]) == (50, 25)
    assert (first["largest_by_zero"], first["mean_square_by_zero"]) == (10, 0.25)
    assert (first["jacobians"], first["jacobians_off_percent"]) == (2, 50)
    assert (first["zeros_differ_percent"], first["chains"]) == (50, 2)
    assert [first[f"chains_off_{k}_percent"] for k in ("1e_4", "1e_2", "1e_1")] == [
        100,
        50,
        0,
    ]
    assert (second["solver"], second["moved_by_zero_percent"]) == ("converged", 0)
    assert (second["jacobians"], second["jacobians_off_percent"]) == (0, None)


@pytest.mark.parametrize(("count", "expected"), [(100, 25), (97, 33), (25, 25), (7, 7), (0, 0)])
def test_under_the_reference_fewer_steps_are_compared(count, expected):
    """Evenly spread, and no fewer than ``OF_REFERENCE`` of those that there are."""
    fewer = hidden_memory._fewer(np.arange(count))
    assert len(fewer) == expected >= min(count, OF_REFERENCE)
    assert len(set(np.diff(fewer).tolist())) <= 1
