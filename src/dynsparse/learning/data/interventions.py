"""Test samples of which one input is moved, and what the simulator makes of each.

An output that the simulator confirms to be unmoved is one that a model has no reason to move.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float, Int, Shaped

from dynsparse.dataset import open_dataset
from dynsparse.errors import DynsparseError
from dynsparse.finite_influence import MOVED
from dynsparse.jacobians.differences import SAME_STEP
from dynsparse.learning.data.preparation import Prepared
from dynsparse.learning.data.samples import some_of
from dynsparse.sparsity.source import source_name

# How far an input is moved, in standard deviations of the samples that models are trained on.
SIGMAS = (1.0, 3.0, 10.0)

# What became of a moved sample. Only what was stepped has a next state.
STEPPED, UNREPEATED, CONSTANT = "stepped", "unrepeated", "constant"
OUT_OF_RANGE, BLOWN_UP = "out of range", "blown up"

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("split", pa.string()),
        ("number", pa.int32()),
        ("episode", pa.int32()),
        ("step", pa.int32()),
        ("input", pa.string()),
        ("sigmas", pa.float64()),
        ("sign", pa.float64()),
        ("outcome", pa.string()),
        ("next_state", pa.list_(pa.float64())),
        ("unmoved", pa.list_(pa.bool_())),
    ]
)

# Next states after a control step, and in which of them the simulator had nothing to warn of.
Steps = Callable[..., tuple[Float[np.ndarray, "samples state"], Bool[np.ndarray, " samples"]]]


class Recorded(NamedTuple):
    """Steps of dataset files, a row each, in the files' units."""

    state: Float[np.ndarray, "samples state"]
    action: Float[np.ndarray, "samples action"]
    memory: Float[np.ndarray, "samples nv"]
    next_state: Float[np.ndarray, "samples state"]


class Interventions(NamedTuple):
    """Every input of every sample moved by each of ``SIGMAS``.

    Attributes:
        sign: where to an input is moved.
        outcome: ``STEPPED``, or why not.
        next_state: in the files' units; not a number where it was not stepped.
        unmoved: which outputs are as without the move.
    """

    sign: Float[np.ndarray, "inputs samples"]
    outcome: Shaped[np.ndarray, "sigmas inputs samples"]
    next_state: Float[np.ndarray, "sigmas inputs samples outputs"]
    unmoved: Bool[np.ndarray, "sigmas inputs samples outputs"]


def move_inputs(
    steps: Steps,
    here: Recorded,
    scale: Float[np.ndarray, " inputs"],
    varies: Bool[np.ndarray, " inputs"],
    allowed: Float[np.ndarray, "2 inputs"],
    seed: int,
) -> Interventions:
    """Move one input after the other, and step.

    Args:
        steps: of the simulator, from state, action and memory.
        here: where moves begin. Samples whose step is not repeated are not moved.
        scale: the standard deviation of each input.
        varies: inputs of which there is one.
        allowed: the lowest and the highest value of each input.
        seed: of the signs. An input of a sample is moved to the same side by all of ``SIGMAS``.

    Raises:
        DynsparseError: no step is repeated.
    """
    still, fine = steps(here.state, here.action, here.memory)
    repeated = fine & (np.abs(still - here.next_state).max(axis=1) < SAME_STEP)
    if not repeated.any():
        raise DynsparseError(f"MuJoCo's C engine repeats none of {len(still)} test samples' steps")
    inputs = np.concatenate([here.state, here.action], axis=1)
    sign = np.random.default_rng(seed).choice([-1.0, 1.0], size=inputs.T.shape)
    shape = (len(SIGMAS), *sign.shape)
    outcome = np.full(shape, STEPPED, dtype=object)
    outcome[:, ~varies] = CONSTANT
    outcome[:, :, ~repeated] = UNREPEATED
    next_state = np.full((*shape, still.shape[1]), np.nan)
    for at, column in np.ndindex(shape[:2]):
        moved = inputs.copy()
        moved[:, column] += SIGMAS[at] * sign[column] * scale[column]
        low, high = allowed[:, column]
        mine = outcome[at, column]  # a view, as are all that follow
        beyond = (moved[:, column] < low) | (moved[:, column] > high)
        mine[beyond & (mine == STEPPED)] = OUT_OF_RANGE
        asked = np.flatnonzero(mine == STEPPED)
        state, action = np.split(moved[asked], [still.shape[1]], axis=1)
        after, fine = steps(state, action, here.memory[asked])
        mine[asked[~fine]] = BLOWN_UP
        next_state[at, column, asked[fine]] = after[fine]
    # Nothing is as far from a number as from any other.
    return Interventions(sign, outcome, next_state, np.abs(next_state - still) <= MOVED)


def recorded(paths: Sequence[Path | str], prepared: Prepared, most: int) -> Recorded:
    """The test samples of ``prepared`` as they are in the files, to the last bit.

    Args:
        paths: as ``prepare`` took them.
        prepared: what it made of them.
        most: the section's ``evaluation.samples``.

    Raises:
        DynsparseError: the files have changed since, or cannot be read.
    """
    rows, first = some_of(prepared.split.test, most), 0
    parts: list[list[np.ndarray]] = []
    with ExitStack() as stack:
        opened = [stack.enter_context(open_dataset(path)) for path in paths]
        files = {source_name(file.info): file for file in opened}
        # Samples are counted through the files in this order.
        for source in prepared.origin.sources:
            for each in files[source].episodes():
                usable = np.flatnonzero(each.jacobian_ok)
                mine = usable[rows[(rows >= first) & (rows < first + len(usable))] - first]
                first += len(usable)
                values = (each.state, each.action, each.memory, each.next_state)
                parts.append([array[mine].astype(float) for array in values])
    here = Recorded(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    inputs = prepared.scaler.inputs(np.concatenate([here.state, here.action], axis=1))
    if not np.array_equal(inputs.astype(np.float32), prepared.test.inputs):
        raise DynsparseError(f"{prepared.origin.sources[0]}: samples are not in their order")
    return here


def as_rows(moves: Interventions, prepared: Prepared) -> pa.Table:
    """A row of ``SCHEMA`` for each move."""
    origin, test, shape = prepared.origin, prepared.test, moves.outcome.shape
    whole = moves.outcome.size

    def spread(values: Any, axis: int) -> np.ndarray:
        lengths = [1, 1, 1]
        lengths[axis] = -1
        return np.broadcast_to(np.reshape(values, lengths), shape).ravel()

    columns: Mapping[str, Any] = {
        "environment": pa.repeat(pa.scalar(origin.environment), whole),
        "behaviour": pa.repeat(pa.scalar(origin.behaviour), whole),
        "split": pa.repeat(pa.scalar(prepared.division.kind), whole),
        "number": pa.repeat(pa.scalar(prepared.division.number, pa.int32()), whole),
        "episode": spread(test.episode, 2),
        "step": spread(test.step, 2),
        "input": spread(np.array([*origin.state_names, *origin.action_names], object), 1),
        "sigmas": spread(SIGMAS, 0),
        "sign": np.broadcast_to(moves.sign, shape).ravel(),
        "outcome": moves.outcome.ravel(),
        "next_state": _lists(moves.next_state),
        "unmoved": _lists(moves.unmoved),
    }
    return pa.table(columns, schema=SCHEMA)


def moves_of(table: pa.Table, prepared: Prepared) -> Interventions:
    """What ``as_rows`` made rows of, for the division of some samples.

    Raises:
        DynsparseError: it is not of these samples.
    """
    division, inputs = prepared.division, prepared.test.inputs.shape[1]
    mine = pc.and_(
        pc.equal(table["split"], division.kind), pc.equal(table["number"], division.number)
    )
    rows = table.filter(mine).combine_chunks()
    shape = (len(SIGMAS), inputs, len(prepared.test.inputs))
    if not _are_of(rows, prepared, shape):
        raise _others(prepared)
    sign, outcome = (
        np.asarray(rows[name].to_numpy()).reshape(shape) for name in ("sign", "outcome")
    )
    next_state, unmoved = (
        pc.list_flatten(rows[name]).to_numpy().reshape(*shape, -1)
        for name in ("next_state", "unmoved")
    )
    # Where an output stays it is the recorded one, but for what steps may differ by and float32.
    scaler, recorded = prepared.scaler, prepared.test.next_state.astype(float)
    allowed = (MOVED + SAME_STEP) / scaler.output_scale + 1e-6 * (1 + np.abs(recorded))
    near = np.abs(scaler.outputs(next_state) - recorded) <= allowed
    if not near[unmoved].all():
        raise _others(prepared)
    return Interventions(sign[0], outcome, next_state, unmoved)


def _are_of(rows: pa.Table, prepared: Prepared, shape: tuple[int, int, int]) -> bool:
    """Whether there is a row for each move of the samples, in order."""
    origin, test = prepared.origin, prepared.test
    names = np.array([*origin.state_names, *origin.action_names], object)[:, None]
    wanted = {
        **{"environment": origin.environment, "behaviour": origin.behaviour},
        **{"episode": test.episode, "step": test.step},
        **{"input": names, "sigmas": np.reshape(SIGMAS, (-1, 1, 1))},
    }
    return len(rows) == math.prod(shape) and all(
        (rows[name].to_numpy().reshape(shape) == values).all() for name, values in wanted.items()
    )


def _others(prepared: Prepared) -> DynsparseError:
    origin = prepared.origin
    return DynsparseError(
        f"{origin.environment} {origin.behaviour}, split {prepared.division}: the interventions are"
        " not of these samples; delete them to have them made again"
    )


def _lists(values: Shaped[np.ndarray, "sigmas inputs samples outputs"]) -> pa.Array:
    size = values.shape[-1]
    ends: Int[np.ndarray, " rows"] = np.arange(0, values.size + 1, size, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values.ravel()))
