"""Do outputs move when an input is redrawn? Jacobians speak of a point, masks of a region."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float

from dynsparse.console import progress
from dynsparse.dataset import Dataset
from dynsparse.environments import Dynamics, engine_steps, load
from dynsparse.environments.playground import Solver
from dynsparse.errors import DynsparseError
from dynsparse.jacobians.by_engine import SAME_STEP
from dynsparse.sparsity.parquet import with_metadata
from dynsparse.sparsity.source import identity_columns, source_name

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("radius", pa.float64()),
        ("samples", pa.int64()),
        ("elements", pa.int64()),
        ("zeros", pa.int64()),
        ("zeros_moved", pa.int64()),
        ("others_still", pa.int64()),
        ("unrepeated", pa.int64()),
    ]
)
# How far an input goes of the way to its value in another sample.
RADII = (1.0, 0.1, 0.01, 0.001)
# Values that each input is given. One may meet a contact that another misses.
DRAWS = 4
# Per file: shares of elements, of which each sample has dozens, are known to less than a point.
SAMPLES = 250

# An output moves if it does by more than this; the rounding of a converged solver is below.
MOVED = 1e-9

Steps = Callable[..., Float[np.ndarray, "samples state"]]


class Samples(NamedTuple):
    """Steps of a file, a row each, and which elements of their Jacobians are zero."""

    state: Float[np.ndarray, "samples state"]
    action: Float[np.ndarray, "samples action"]
    memory: Float[np.ndarray, "samples nv"]
    next_state: Float[np.ndarray, "samples state"]
    zero: Bool[np.ndarray, "samples state inputs"]


def measure_influence(dataset: Dataset, solver: Solver, threshold: float) -> pa.Table:
    """Redraw every input of some samples, and see which outputs move.

    Steps are MuJoCo's C engine's, so that nothing is compiled. An input's new value is its value in
    another sample of the file, or part of the way there.

    Args:
        dataset: the file.
        solver: the constraint solver's settings that the file was made with.
        threshold: an element of a Jacobian is zero where ``|x| < threshold``.

    Returns:
        ``SCHEMA``, a row for each of ``RADII``: among the ``elements`` of all ``samples``, how many
        are zeros of the Jacobian, how many of these have an output that some value moves by more
        than ``MOVED``, and how many others have one that none does. An input that never varies is
        left out. So are samples whose step the C engine does not repeat (``unrepeated``).

    Raises:
        DynsparseError: no sample is left, or a Jacobian that is marked as good has elements that
            are not finite.
    """
    info = dataset.info
    # Drawn by the file's seed: the same each time.
    rng = np.random.default_rng(info.seed)
    samples = _read(dataset, threshold)
    chosen = np.sort(rng.permutation(len(samples.state))[:SAMPLES])
    if not chosen.size:
        raise DynsparseError(
            f"{info.environment} ({info.behaviour}, seed {info.seed}): no step has a Jacobian"
        )
    steps = _steps(load(info.environment, solver))
    here = Samples(*(values[chosen] for values in samples))
    base = steps(here.state, here.action, here.memory)
    repeated = np.abs(base - here.next_state).max(axis=1) < SAME_STEP
    if not repeated.any():
        raise DynsparseError(
            f"{info.environment} ({info.behaviour}, seed {info.seed}): MuJoCo's C engine repeats "
            f"none of {len(chosen)} steps; without it no input can be redrawn"
        )
    here = Samples(*(values[repeated] for values in here))
    pool = np.concatenate([samples.state, samples.action], axis=1)
    others = pool[rng.integers(len(pool), size=(DRAWS, len(here.state)))]
    rows = []
    label = f"influence {info.environment} {info.behaviour} seed {info.seed}"
    with progress(len(RADII), label, "radius") as bar:
        for radius in RADII:
            change = largest_change(steps, here, others, radius)
            rows.append({"radius": radius, **counted(change, here.zero)})
            bar.update(1)
    shared = {"samples": len(here.state), "unrepeated": int((~repeated).sum())}
    columns = {name: [{**row, **shared}[name] for row in rows] for name in SCHEMA.names[3:]}
    table = pa.table({**identity_columns(info, len(rows)), **columns}, schema=SCHEMA)
    facts = {"steps": len(samples.state), "threshold": threshold, "sources": [source_name(info)]}
    return with_metadata(table, "influence", **facts)


def largest_change(
    steps: Steps, here: Samples, others: Float[np.ndarray, "draws samples inputs"], radius: float
) -> Float[np.ndarray, "samples state inputs"]:
    """How far each output moves at most when each input is redrawn, over the draws.

    Not a number where no draw has another value of the input; infinite where a step blows up.
    """
    inputs = np.concatenate([here.state, here.action], axis=1)
    base = steps(here.state, here.action, here.memory)
    largest = np.full((*base.shape, inputs.shape[1]), np.nan)
    for column in range(inputs.shape[1]):
        for drawn in others:
            moved = inputs.copy()
            moved[:, column] += radius * (drawn[:, column] - inputs[:, column])
            state, action = np.split(moved, [here.state.shape[1]], axis=1)
            change = np.abs(steps(state, action, here.memory) - base)
            change[~np.isfinite(change)] = np.inf
            change[moved[:, column] == inputs[:, column]] = np.nan
            largest[..., column] = np.fmax(largest[..., column], change)
    return largest


def counted(
    change: Float[np.ndarray, "samples state inputs"],
    zero: Bool[np.ndarray, "samples state inputs"],
) -> dict[str, int]:
    """How often the Jacobian and the redrawn inputs agree."""
    known, moves = ~np.isnan(change), change > MOVED
    return {
        "elements": int(known.sum()),
        "zeros": int((known & zero).sum()),
        "zeros_moved": int((zero & moves).sum()),
        "others_still": int((known & ~zero & ~moves).sum()),
    }


def _steps(dynamics: Dynamics) -> Steps:
    return partial(engine_steps, dynamics.mj_model, dynamics.substeps)


def _read(dataset: Dataset, threshold: float) -> Samples:
    """Every step that has a Jacobian."""
    info, parts = dataset.info, list[Sequence[np.ndarray]]()
    for each in dataset.episodes():
        jacobian = np.concatenate([each.state_jacobian, each.action_jacobian], axis=2)
        if not np.isfinite(jacobian[each.jacobian_ok]).all():
            raise DynsparseError(
                f"{info.environment} ({info.behaviour}, seed {info.seed}): episode {each.index}: a "
                "Jacobian that jacobian_ok marks as good is not finite"
            )
        values = (each.state, each.action, each.memory, each.next_state)
        doubles = [array.astype(float)[each.jacobian_ok] for array in values]
        parts.append([*doubles, (np.abs(jacobian) < threshold)[each.jacobian_ok]])
    return Samples(*(np.concatenate(values) for values in zip(*parts, strict=True)))
