"""The verification stage: a sample of a dataset against what it should be."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from dynsparse.dataset import Dataset, DatasetInfo
from dynsparse.environments import Dynamics, load
from dynsparse.environments.playground import Solver
from dynsparse.jacobians import ENGINE, batched_jacobians
from dynsparse.jacobians.steps import BATCH, batched_steps
from dynsparse.precision import Precision, precision
from dynsparse.running.console import progress, say
from dynsparse.sparsity.source import source_name
from dynsparse.storage.tables import with_metadata
from dynsparse.verification.differences import (
    CERTAIN,
    ZERO,
    Differences,
    Steps,
    central_differences,
    engine_steps_alone,
    error_against,
    evaluations,
    judge_elements,
)
from dynsparse.verification.episodes import check_names
from dynsparse.verification.replay import replay
from dynsparse.verification.samples import pick_samples

_KEYS = [
    ("environment", pa.string()),
    ("behaviour", pa.string()),
    ("seed", pa.int64()),
    ("method", pa.string()),
    ("stored", pa.bool_()),
]
SCHEMA = pa.schema(
    [
        *_KEYS,
        ("episode", pa.int32()),
        ("step", pa.int32()),
        ("stratum", pa.string()),
        ("kink", pa.bool_()),
        ("jump", pa.bool_()),
        ("error", pa.float64()),
        ("worst_element", pa.string()),
        ("elements", pa.int32()),
        ("wrong_elements", pa.int32()),
        ("missed_elements", pa.int32()),
        ("invented_elements", pa.int32()),
        ("undecided_elements", pa.int32()),
        ("engine_replay_error", pa.float64()),
        ("engine_error", pa.float64()),
    ]
)
ELEMENTS_SCHEMA = pa.schema(
    [
        *_KEYS,
        ("row_name", pa.string()),
        ("column_name", pa.string()),
        ("samples", pa.int64()),
        ("median_error", pa.float64()),
        ("max_error", pa.float64()),
    ]
)


class Verification(NamedTuple):
    """What the stage finds out about one file.

    Attributes:
        samples: ``SCHEMA``, a row per sample and method.
        elements: ``ELEMENTS_SCHEMA``, a row per element and method, over the samples that have
            a derivative.
        replay: a row per episode, see ``dynsparse.verification.replay``.
    """

    samples: pa.Table
    elements: pa.Table
    replay: pa.Table


def verify_jacobians(
    dataset: Dataset, samples: int, methods: Sequence[str], solver: Solver, dtype: Precision
) -> Verification:
    """Replay a dataset, and hold a sample of its Jacobians against finite differences.

    Args:
        dataset: the file under test.
        samples: how many samples, spread evenly over the strata that occur: start of an
            episode, a limit or friction loss active, contact, and none of these.
        methods: other methods to judge on the same samples, beside the stored Jacobians.
        solver: the constraint solver's settings that the file was made with.
        dtype: the precision that the file was made in.

    Returns:
        Errors are the largest over the elements, relative to max(1, largest difference of the
        sample); samples at a ``kink`` or ``jump`` have no derivative (``Differences``). Each of a
        sample's ``elements`` is judged by what its own difference is good for: ``wrong``,
        ``missed`` (zero here alone), ``invented`` (zero in the differences alone) or ``undecided``
        (``Judgement``). Rows that are ``stored`` judge the file, others a method on the file's
        samples.

    Raises:
        DynsparseError: there is no such method, no sample with a finite Jacobian, or names and
            control step are not those of the environment.
    """
    info = dataset.info
    picked = pick_samples(dataset, samples)
    inputs = tuple(picked[name].astype(float) for name in ("state", "action", "memory"))
    with precision(dtype):
        dynamics = load(info.environment, solver, dtype)
        check_names(info, dynamics)
        columns = len(info.state_names) + len(info.action_names)
        taken = info.episodes * info.steps + evaluations(len(inputs[0]), columns)
        steps = mjx_steps(dynamics, taken)
        label = f"verify {info.environment} {info.behaviour} seed {info.seed}"
        say(f"{label}: compiling the step (half a minute, once)")
        with progress(len(inputs[0]), label, "sample") as bar:
            replayed = replay(dataset, dynamics, steps)
            reference = central_differences(steps, *inputs)
            stored = (picked["state_jacobian"], picked["action_jacobian"])
            found: dict[str, tuple[np.ndarray, ...]] = {info.method: stored}
            for method in methods:
                if method not in found:
                    derived = batched_jacobians(dynamics, method, BATCH, len(inputs[0]))(*inputs)
                    both = (derived.state_jacobian, derived.action_jacobian)
                    found[method] = tuple(map(np.asarray, both))
            bar.update(len(inputs[0]))
    jacobians = {name: np.concatenate(both, axis=2) for name, both in found.items()}
    engine = _engine_facts(dynamics, picked, inputs)
    judged = [_judged(info, name, ad, picked, reference, engine) for name, ad in jacobians.items()]
    facts = {"control_dt_s": info.control_dt_s, "steps": len(inputs[0]), "threshold": ZERO}
    kinds = zip(("verification", "verification_elements"), zip(*judged, strict=True), strict=True)
    of_samples, of_elements = (
        with_metadata(pa.concat_tables(parts), kind, **facts, sources=[source_name(info)])
        for kind, parts in kinds
    )
    return Verification(of_samples, of_elements, replayed)


class _EngineFacts(NamedTuple):
    replay_error: np.ndarray
    differences: Differences


def _engine_facts(
    dynamics: Dynamics, picked: dict[str, np.ndarray], inputs: tuple[np.ndarray, ...]
) -> _EngineFacts:
    steps = engine_steps_alone(dynamics.mj_model, dynamics.substeps)
    error = np.abs(steps(*inputs)[0] - picked["next_state"]).max(axis=1)
    return _EngineFacts(error, central_differences(steps, *inputs))


def _judged(
    info: DatasetInfo,
    method: str,
    ad: np.ndarray,
    picked: dict[str, np.ndarray],
    reference: Differences,
    engine: _EngineFacts,
) -> tuple[pa.Table, pa.Table]:
    error = error_against(ad, reference)
    # One method takes differences itself, and promises no more than they can.
    judgement = judge_elements(ad, reference, CERTAIN if method == ENGINE else 0.0)
    columns = {
        "episode": picked["episode"].astype(np.int32),
        "step": picked["step"].astype(np.int32),
        "stratum": picked["stratum"],
        "kink": reference.kink,
        "jump": reference.jump,
        "error": error.max(axis=(1, 2)),
        "worst_element": worst_elements(info, judgement.excess),
        "elements": np.full(len(ad), error[0].size, np.int32),
        "wrong_elements": counted(judgement.wrong),
        "missed_elements": counted(judgement.missed),
        "invented_elements": counted(judgement.invented),
        "undecided_elements": counted(judgement.undecided),
        "engine_replay_error": engine.replay_error,
        "engine_error": error_against(ad, engine.differences).max(axis=(1, 2)),
    }
    smooth = error[reference.smooth].reshape(-1, error.shape[1] * error.shape[2])
    inputs = (*info.state_names, *info.action_names)
    # Without a sample that has a derivative there is no error to speak of.
    nothing = np.full(smooth.shape[1], np.nan)
    elements = {
        "row_name": np.repeat(info.state_names, len(inputs)),
        "column_name": np.tile(inputs, len(info.state_names)),
        "samples": np.full(smooth.shape[1], len(smooth)),
        "median_error": np.median(smooth, axis=0) if len(smooth) else nothing,
        "max_error": smooth.max(axis=0) if len(smooth) else nothing,
    }
    return (
        pa.table({**keys(info, method, len(ad)), **columns}, schema=SCHEMA),
        pa.table({**keys(info, method, smooth.shape[1]), **elements}, schema=ELEMENTS_SCHEMA),
    )


def keys(info: DatasetInfo, method: str, rows: int) -> dict[str, list]:
    """The columns that say whose rows of ``SCHEMA`` or ``ELEMENTS_SCHEMA`` these are."""
    facts = (info.environment, info.behaviour, info.seed, method, method == info.method)
    return {name: [value] * rows for (name, _), value in zip(_KEYS, facts, strict=True)}


def counted(elements: Bool[np.ndarray, "samples state inputs"]) -> Int[np.ndarray, " samples"]:
    """How many elements of each sample."""
    return elements.sum(axis=(1, 2)).astype(np.int32)


def mjx_steps(dynamics: Dynamics, samples: int | None = None) -> Steps:
    """Batches of MJX's control step, with the piece that each simulator step was on.

    ``samples`` is how many there are in all, see ``batched_steps``.
    """
    stepped = batched_steps(dynamics, samples)

    def steps(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = stepped(*inputs)
        return found.next_state, found.pieces

    return steps


def worst_elements(
    info: DatasetInfo, excess: Float[np.ndarray, "samples state inputs"]
) -> list[str]:
    """The element of each sample with the largest excess."""
    inputs = (*info.state_names, *info.action_names)
    flat = excess.reshape(len(excess), -1).argmax(axis=1)
    return [f"{info.state_names[k // len(inputs)]} / {inputs[k % len(inputs)]}" for k in flat]
