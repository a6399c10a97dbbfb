"""The verification stage: a sample of a dataset against what it should be."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from dynsparse import mjx_internals
from dynsparse.console import progress, say
from dynsparse.dataset import Dataset, DatasetInfo, Episode
from dynsparse.environments import Dynamics, load
from dynsparse.environments.dynamics import Action, Memory, State
from dynsparse.environments.playground import Solver
from dynsparse.precision import Precision, precision
from dynsparse.sparsity.parquet import with_metadata
from dynsparse.sparsity.source import source_name
from dynsparse.verification.differences import Steps, central_differences, relative_error
from dynsparse.verification.engine import engine_steps

# For the comparison of patterns: zero, not zero for certain, and what rounding leaves in a
# difference; the last two relative to the sample's largest element.
ZERO, NOT_ZERO, ZERO_IN_DIFFERENCES = 1e-12, 1e-5, 1e-8
STRATA = ("start", "limit", "contact", "free")
# Samples simulated together: one shape, hence one compilation, whatever is asked for.
BATCH = 128

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("method", pa.string()),
        ("episode", pa.int32()),
        ("step", pa.int32()),
        ("stratum", pa.string()),
        ("kink", pa.bool_()),
        ("jump", pa.bool_()),
        ("error", pa.float64()),
        ("worst_element", pa.string()),
        ("missed_elements", pa.int32()),
        ("invented_elements", pa.int32()),
        ("replay_error", pa.float64()),
        ("engine_replay_error", pa.float64()),
        ("engine_error", pa.float64()),
    ]
)


def verify_jacobians(dataset: Dataset, samples: int, solver: Solver, dtype: Precision) -> pa.Table:
    """Hold a sample of a dataset against replays and finite differences.

    Args:
        dataset: the file under test.
        samples: how many samples, spread evenly over the strata that occur: start of an
            episode, a limit or friction loss active, contact, and none of these.
        solver: the constraint solver's settings that the file was made with.
        dtype: the precision that the file was made in.

    Returns:
        ``SCHEMA``, a row per sample. Errors are the largest over the elements, relative to
        max(1, largest difference of the sample); samples at a ``kink`` or ``jump`` have no
        derivative (``Differences``). Missed elements are zero here but not in the differences;
        invented ones the reverse.
    """
    info = dataset.info
    picked = pick_samples(dataset, samples)
    ad = np.concatenate([picked["state_jacobian"], picked["action_jacobian"]], axis=2)
    inputs = tuple(picked[name].astype(float) for name in ("state", "action", "memory"))
    with precision(dtype):
        dynamics = load(info.environment, solver)
        steps = mjx_steps(dynamics)
        label = f"verify {info.environment} {info.behaviour} seed {info.seed}"
        say(f"{label}: compiling the step (half a minute, once)")
        with progress(len(ad), label, "sample") as bar:
            replayed, _ = steps(*inputs)
            reference = central_differences(steps, *inputs)
            bar.update(len(ad))

    def engine(*arguments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        after = engine_steps(dynamics.mj_model, dynamics.substeps, *arguments)
        return after, np.zeros((len(after), 0), bool)  # kinks are MJX's to find

    engine_reference = central_differences(engine, *inputs).jacobian
    error = relative_error(ad, reference.jacobian)
    columns = {
        "episode": picked["episode"].astype(np.int32),
        "step": picked["step"].astype(np.int32),
        "stratum": picked["stratum"],
        "kink": reference.kink,
        "jump": reference.jump,
        "error": error.max(axis=(1, 2)),
        "worst_element": _worst(info, error),
        "missed_elements": _disagreements(reference.jacobian, ad),
        "invented_elements": _disagreements(ad, reference.jacobian, ZERO_IN_DIFFERENCES),
        "replay_error": _largest(replayed - picked["next_state"]),
        "engine_replay_error": _largest(engine(*inputs)[0] - picked["next_state"]),
        "engine_error": relative_error(ad, engine_reference).max(axis=(1, 2)),
    }
    same = {"environment": info.environment, "behaviour": info.behaviour, "seed": info.seed}
    constant = {k: [v] * len(ad) for k, v in {**same, "method": info.method}.items()}
    table = pa.table({**constant, **columns}, schema=SCHEMA)
    facts = {"control_dt_s": info.control_dt_s, "steps": len(ad), "threshold": ZERO}
    return with_metadata(table, "verification", **facts, sources=[source_name(info)])


def _disagreements(
    nonzero: np.ndarray, zero: np.ndarray, zero_below: float = ZERO
) -> Int[np.ndarray, " samples"]:
    """Per sample, elements that are certainly not zero in one Jacobian and zero in the other."""
    scale = np.maximum(1.0, np.abs(nonzero).max(axis=(1, 2), keepdims=True))
    differs = (np.abs(nonzero) > NOT_ZERO * scale) & (np.abs(zero) < zero_below * scale)
    return differs.sum(axis=(1, 2)).astype(np.int32)


def pick_samples(dataset: Dataset, samples: int) -> dict[str, np.ndarray]:
    """Arrays of ``samples`` finite samples, evenly from the strata that occur."""
    rng = np.random.default_rng(dataset.info.seed)
    strata = np.concatenate([_strata(episode) for episode in dataset.episodes()])
    pools = [rng.permutation(np.flatnonzero(strata == k)) for k in range(len(STRATA))]
    order = [pool[k] for k in range(max(map(len, pools))) for pool in pools if k < len(pool)]
    chosen = np.sort(order[:samples])
    parts: list[dict[str, Any]] = []
    for episode in dataset.episodes():
        first = episode.index * dataset.info.steps
        local = chosen[(chosen >= first) & (chosen < first + dataset.info.steps)] - first
        names = ("state", "action", "memory", "next_state", "state_jacobian", "action_jacobian")
        part = {name: getattr(episode, name)[local] for name in names}
        part["episode"], part["step"] = np.full(len(local), episode.index), local
        parts.append(part)
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {**whole, "stratum": np.array(STRATA)[strata[chosen]]}


def _strata(episode: Episode) -> Int[np.ndarray, " time"]:
    """For each step the index of its stratum; -1 for a sample without a finite Jacobian."""
    conditions = [
        np.arange(len(episode.state)) == 0,
        episode.constraint_active.any(axis=1),
        episode.contact.any(axis=1),
    ]
    strata = np.select(conditions, range(3), default=3)
    return np.where(episode.jacobian_ok, strata, -1)


def mjx_steps(dynamics: Dynamics) -> Steps:
    """Batches of MJX's control step, with the constraints that acted in each simulator step."""

    def observed(
        state: State, action: Action, memory: Memory
    ) -> tuple[State, Bool[jax.Array, "substeps rows"]]:
        def substep(data: Any, _: None) -> tuple[Any, jax.Array]:
            data = dynamics.simulator_step(data)
            acting = mjx_internals.acting_rows(data)
            return data, jnp.concatenate([acting, mjx_internals.active_constraints(data)])

        start = dynamics.to_data(state, action, memory)
        data, acting = jax.lax.scan(substep, start, length=dynamics.substeps)
        return dynamics.to_state(data), acting

    compiled = jax.jit(jax.vmap(observed))

    def steps(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count, parts = len(inputs[0]), []
        for start in range(0, count, BATCH):
            index = np.minimum(np.arange(start, start + BATCH), count - 1)
            result = compiled(*(values[index] for values in inputs))
            parts.append([np.asarray(x)[: count - start] for x in result])
        states, acting = zip(*parts, strict=True)
        return np.concatenate(states), np.concatenate(acting)

    return steps


def _worst(info: DatasetInfo, error: np.ndarray) -> list[str]:
    inputs = (*info.state_names, *info.action_names)
    flat = error.reshape(len(error), -1).argmax(axis=1)
    return [f"{info.state_names[k // len(inputs)]} / {inputs[k % len(inputs)]}" for k in flat]


def _largest(values: np.ndarray) -> np.ndarray:
    return np.abs(values).max(axis=1)
