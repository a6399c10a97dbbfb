"""Do outputs move when an input is redrawn? Jacobians speak of a point, masks of a region."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float

from dynsparse.dataset import Dataset, DatasetInfo
from dynsparse.environments import engine_steps, load
from dynsparse.environments.playground import Solver
from dynsparse.errors import DynsparseError
from dynsparse.jacobians.differences import SAME_STEP
from dynsparse.running.console import progress
from dynsparse.sparsity.source import identity_columns, source_name
from dynsparse.storage.tables import with_metadata

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
    dynamics = load(info.environment, solver)
    steps = partial(engine_steps, dynamics.mj_model, dynamics.substeps)
    here = _repeated(steps, _rows(samples, chosen), info)
    pool = np.concatenate([samples.state, samples.action], axis=1)
    others = pool[rng.integers(len(pool), size=(DRAWS, len(here.state)))]
    rows = []
    with progress(len(RADII), f"influence {_words(info)}", "radius") as bar:
        for radius in RADII:
            rows.append(counted(largest_change(steps, here, others, radius), here.zero))
            bar.update(1)
    columns = {
        **identity_columns(info, len(RADII)),
        "radius": RADII,
        "samples": [len(here.state)] * len(RADII),
        **{name: [row[name] for row in rows] for name in rows[0]},
        "unrepeated": [len(chosen) - len(here.state)] * len(RADII),
    }
    facts = {"steps": len(samples.state), "threshold": threshold, "sources": [source_name(info)]}
    return with_metadata(pa.table(columns, schema=SCHEMA), "influence", **facts)


def largest_change(
    steps: Steps, here: Samples, others: Float[np.ndarray, "draws samples inputs"], radius: float
) -> Float[np.ndarray, "samples state inputs"]:
    """How far each output moves at most when each input is redrawn, over the draws.

    Moves are from the next states of ``here``, which have to be those of ``steps``. Not a number
    where no draw has another value of the input; infinite where a step blows up.
    """
    inputs = np.concatenate([here.state, here.action], axis=1)
    largest = np.full((*here.next_state.shape, inputs.shape[1]), np.nan)
    for column in range(inputs.shape[1]):
        for drawn in others:
            moved = inputs.copy()
            moved[:, column] += radius * (drawn[:, column] - inputs[:, column])
            state, action = np.split(moved, [here.state.shape[1]], axis=1)
            change = np.abs(steps(state, action, here.memory) - here.next_state)
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


def _repeated(steps: Steps, samples: Samples, info: DatasetInfo) -> Samples:
    """The samples whose step is repeated, with the next states that it is repeated by."""
    after = steps(samples.state, samples.action, samples.memory)
    repeated = np.abs(after - samples.next_state).max(axis=1) < SAME_STEP
    if not repeated.any():
        raise DynsparseError(
            f"{_words(info)}: MuJoCo's C engine repeats none of {len(after)} steps; without it no"
            " input can be redrawn"
        )
    return _rows(samples._replace(next_state=after), repeated)


def _read(dataset: Dataset, threshold: float) -> Samples:
    """Every step that has a Jacobian."""
    parts: list[Sequence[np.ndarray]] = []
    for each in dataset.episodes():
        ok = each.jacobian_ok
        jacobian = np.concatenate([each.state_jacobian, each.action_jacobian], axis=2)[ok]
        if not np.isfinite(jacobian).all():
            raise DynsparseError(
                f"{_words(dataset.info)}: episode {each.index}: a Jacobian that jacobian_ok marks"
                " as good is not finite"
            )
        values = (each.state, each.action, each.memory, each.next_state)
        parts.append([*(array.astype(float)[ok] for array in values), np.abs(jacobian) < threshold])
    samples = Samples(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    if not len(samples.state):
        raise DynsparseError(f"{_words(dataset.info)}: no step has a Jacobian")
    return samples


def _rows(samples: Samples, chosen: np.ndarray) -> Samples:
    return Samples(*(values[chosen] for values in samples))


def _words(info: DatasetInfo) -> str:
    return f"{info.environment} {info.behaviour} seed {info.seed}"
