"""Is the next state a function of state and action alone, or of the solver's warm start too?"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from dynsparse.dataset import Dataset
from dynsparse.environments import Dynamics, load
from dynsparse.environments.playground import Solver
from dynsparse.jacobians import batched_jacobians
from dynsparse.jacobians.steps import batched_steps
from dynsparse.precision import precision
from dynsparse.running.console import progress
from dynsparse.sparsity.source import identity_columns, source_name
from dynsparse.storage.tables import with_metadata

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("solver", pa.string()),
        ("own", pa.bool_()),
        ("episode", pa.int32()),
        ("step", pa.int32()),
        ("moved_by_zero", pa.float64()),
        ("moved_by_other", pa.float64()),
        ("square_by_zero", pa.float64()),
        ("square_by_other", pa.float64()),
        ("jacobian_error", pa.float64()),
        ("zeros_differ", pa.bool_()),
        ("chain_error", pa.float64()),
    ]
)
# Steps per file whose Jacobians are compared: a share of a tenth is known to three points. Under
# ``REFERENCE``, whose steps take longest, fewer are, but at least so many.
SAMPLES, OF_REFERENCE = 100, 25
# Half the widths of central differences, as in verification; where those of both widths disagree
# by more than this share of the largest element, the two steps have no derivative.
WIDTHS, JUMP = (1e-6, 1e-7), 1e-3
# The solver that leaves no trace of where it began, to be held beside the file's own.
REFERENCE: Solver = "converged"

# States and memories after a batch of control steps.
Stepper = Callable[..., tuple[np.ndarray, np.ndarray]]


class Steps(NamedTuple):
    """Steps of a file, a row each; ``following`` is the next action, NaN after the last one."""

    episode: Int[np.ndarray, " rows"]
    step: Int[np.ndarray, " rows"]
    state: Float[np.ndarray, "rows state"]
    action: Float[np.ndarray, "rows action"]
    memory: Float[np.ndarray, "rows nv"]
    next_state: Float[np.ndarray, "rows state"]
    following: Float[np.ndarray, "rows action"]
    jacobian_ok: Bool[np.ndarray, " rows"]


def measure_memory(dataset: Dataset, solver: Solver, threshold: float, batch: int) -> pa.Table:
    """Take every step of a dataset with other warm starts, and see what changes.

    Args:
        dataset: the file.
        solver: the constraint solver's settings that the file was made with; its steps are taken
            under these and under ``REFERENCE``.
        threshold: an element is zero where ``|x| < threshold``.
        batch: samples differentiated together; 0: as many as suit the device.

    Returns:
        ``SCHEMA``, a row per solver and step, in double precision; ``own`` marks the file's solver.
        ``moved_by_zero`` is the largest change of the next state when the warm start is zero, and
        ``square_by_zero`` the mean square of the changes in standard deviations of the file's next
        states; ``by_other`` the same with the warm start that the state's step leaves under the
        action of another sample. Of ``SAMPLES`` steps only, or at least ``OF_REFERENCE`` under the
        other solver: ``chain_error``, by how much the derivative of two steps by their first state
        differs from the product of their Jacobians, as a share of max(1, largest element), null
        where there is no derivative, or no second step; and, under the file's own solver,
        ``jacobian_error``, the largest change of an element of the Jacobians with memory 0, as a
        share of the largest element, and ``zeros_differ``, whether any element becomes or ceases to
        be zero.
    """
    info = dataset.info
    steps = _read(dataset)
    # Drawn by the file's seed: the same each time.
    rng = np.random.default_rng(info.seed)
    chosen = np.sort(rng.permutation(np.flatnonzero(steps.jacobian_ok))[:SAMPLES])
    other = rng.permutation(len(steps.state))
    solvers = list(dict.fromkeys((solver, REFERENCE)))
    tables = []
    label = f"memory {info.environment} {info.behaviour} seed {info.seed}"
    with precision("float64"), progress(len(solvers), label, "solver") as bar:
        for name in solvers:
            dynamics, own = load(info.environment, name), name == solver
            some = chosen if own else _fewer(chosen)
            advance = stepper(dynamics, _evaluations(steps, len(some)))
            sample = Steps(*(values[some] for values in steps))
            compared = chained(advance, sample)
            if own:
                # The programs that collected the file, which are there.
                derive = batched_jacobians(dynamics, info.method, batch, len(steps.state))
                compared |= with_zero_memory(derive, sample, threshold)
            columns = {
                **identity_columns(info, len(steps.state)),
                "solver": [name] * len(steps.state),
                "own": [own] * len(steps.state),
                "episode": steps.episode,
                "step": steps.step,
                **moved(advance, steps, other),
                **{name: [None] * len(steps.state) for name in ("jacobian_error", "zeros_differ")},
                **_at(some, len(steps.state), compared),
            }
            tables.append(pa.table(columns, schema=SCHEMA))
            bar.update(1)
    facts = {"steps": len(steps.state), "threshold": threshold, "sources": [source_name(info)]}
    return with_metadata(pa.concat_tables(tables), "memory", **facts)


def _fewer(chosen: Int[np.ndarray, " rows"]) -> Int[np.ndarray, " fewer"]:
    """Some that are evenly spread, at least ``OF_REFERENCE`` if there are as many."""
    return chosen[:: max(1, len(chosen) // OF_REFERENCE)]


def _evaluations(steps: Steps, chosen: int) -> int:
    """How many control steps are taken under a solver (``moved``, ``chained``)."""
    size = steps.state.shape[1]
    return 4 * len(steps.state) + chosen * (1 + 6 * size) * len(WIDTHS)


def stepper(dynamics: Dynamics, samples: int) -> Stepper:
    """Batches of control steps, so many in all: the next states and the memories after them."""
    stepped = batched_steps(dynamics, samples)

    def advance(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = stepped(*inputs)
        return found.next_state, found.memory

    return advance


def _read(dataset: Dataset) -> Steps:
    parts = []
    for each in dataset.episodes():
        values = (each.state, each.action, each.memory, each.next_state)
        state, action, memory, next_state = (array.astype(float) for array in values)
        following = np.concatenate([action[1:], np.full_like(action[:1], np.nan)])
        following[each.terminated | each.truncated] = np.nan
        place = np.full(len(state), each.index, np.int32), np.arange(len(state), dtype=np.int32)
        parts.append((*place, state, action, memory, next_state, following, each.jacobian_ok))
    return Steps(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def moved(advance: Stepper, steps: Steps, other: Int[np.ndarray, " rows"]) -> dict[str, np.ndarray]:
    """How far each next state moves with a warm start of zero, and with another one."""
    own, _ = advance(steps.state, steps.action, steps.memory)
    _, left = advance(steps.state, steps.action[other], steps.memory)
    spread = steps.next_state.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    columns = {}
    for name, memory in (("zero", np.zeros_like(steps.memory)), ("other", left)):
        change = advance(steps.state, steps.action, memory)[0] - own
        columns[f"moved_by_{name}"] = np.abs(change).max(axis=1)
        columns[f"square_by_{name}"] = ((change / scale) ** 2).mean(axis=1)
    return columns


def with_zero_memory(derive: Any, steps: Steps, threshold: float) -> dict[str, np.ndarray]:
    """What a warm start of zero does to the Jacobians of some steps."""
    with_own, with_zero = (
        np.concatenate([found.state_jacobian, found.action_jacobian], axis=2)
        for found in (
            derive(steps.state, steps.action, memory)
            for memory in (steps.memory, np.zeros_like(steps.memory))
        )
    )
    zero = [np.abs(each) < threshold for each in (with_own, with_zero)]
    return {
        "jacobian_error": _largest(with_zero - with_own) / _largest(with_own),
        "zeros_differ": (zero[0] != zero[1]).any(axis=(1, 2)),
    }


def chained(advance: Stepper, steps: Steps) -> dict[str, np.ndarray]:
    """How far the derivative of two steps is from the product of their Jacobians.

    By the chain rule that product is the derivative of two steps whose second has the warm start
    that it has, whatever the first state. Both are differences here, so that only what the
    warm start passes on tells them apart.
    """
    error, jump = np.full(len(steps.state), np.nan), np.zeros(len(steps.state), bool)
    some = np.flatnonzero(np.isfinite(steps.following).all(axis=1))
    if not some.size:
        return {"chain_error": error}
    sample = Steps(*(values[some] for values in steps))
    products, errors = [], []
    for width in WIDTHS:
        whole, product = _differences(advance, sample, width)
        products.append(product)
        errors.append(_largest(whole - product) / np.maximum(1.0, _largest(product)))
    scale = np.maximum(1.0, _largest(products[0]))
    jump[some] = _largest(products[1] - products[0]) / scale > JUMP
    error[some] = np.minimum(*errors)
    error[jump] = np.nan
    return {"chain_error": error}


def _differences(advance: Stepper, steps: Steps, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of two steps by the first state: as they are, and with the memory held fixed."""
    _, held = advance(steps.state, steps.action, steps.memory)
    whole, product = [], []
    for column in range(steps.state.shape[1]):
        after = []
        for side in (width, -width):
            moved = steps.state.copy()
            moved[:, column] += side
            state, passed = advance(moved, steps.action, steps.memory)
            after.append([advance(state, steps.following, each)[0] for each in (passed, held)])
        (up, up_held), (down, down_held) = after
        whole.append((up - down) / (2 * width))
        product.append((up_held - down_held) / (2 * width))
    return np.stack(whole, axis=-1), np.stack(product, axis=-1)


def _largest(jacobian: np.ndarray) -> Float[np.ndarray, " samples"]:
    return np.abs(jacobian).max(axis=(1, 2))


def _at(chosen: np.ndarray, rows: int, columns: dict[str, np.ndarray]) -> dict[str, list[Any]]:
    """Columns of all rows from those of some; null elsewhere, and for what is not a number."""
    spread = {}
    for name, values in columns.items():
        column: list[Any] = [None] * rows
        for row, value in zip(chosen, values.tolist(), strict=True):
            column[row] = value if np.isfinite(value) else None
        spread[name] = column
    return spread
