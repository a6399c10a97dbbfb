"""Judging stored transitions and Jacobians by MuJoCo's C engine, and by MJX where the two part."""

import zlib
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from dynsparse.environments import load, playground_environment
from dynsparse.environments.playground import Solver
from dynsparse.precision import Precision, precision
from dynsparse.verification.differences import Steps, central_differences
from dynsparse.verification.verify import mjx_steps

# A replay below this is the same transition: rounding gives 1e-13, another contact 1e-4 and more.
SAME = 1e-8
# How far an element may be from its finite difference: a tenth of the smallest error that an audit
# promises to find (1e-3), and a share of the sample's largest element, for the noise of
# differences: 99 % of the samples of the default study stay below 5e-7 of it.
ABSOLUTE, RELATIVE = 1e-4, 2e-6


class Transitions(NamedTuple):
    """Stored samples: what a step started from, where it led, and its derivative."""

    state: Float[np.ndarray, "samples state"]
    action: Float[np.ndarray, "samples action"]
    memory: Float[np.ndarray, "samples nv"]
    next_state: Float[np.ndarray, "samples state"]
    jacobian: Float[np.ndarray, "samples state inputs"]


class Verdict(NamedTuple):
    """What the referees found, sample by sample.

    Attributes:
        by_engine: the C engine found nothing wrong; the verdict on the others is MJX's.
        same: the transition was made again.
        smooth: no constraint changed near the sample, and the step does not jump there; elsewhere
            there is no derivative to compare with.
        excess: the largest error of an element, in units of what is allowed.
        worst: the flat index of that element.
        error: its absolute error.
    """

    by_engine: Bool[np.ndarray, " samples"]
    same: Bool[np.ndarray, " samples"]
    smooth: Bool[np.ndarray, " samples"]
    excess: Float[np.ndarray, " samples"]
    worst: np.ndarray
    error: Float[np.ndarray, " samples"]


def judge(environment: str, solver: Solver, dtype: Precision, samples: Transitions) -> Verdict:
    """Replay stored transitions, and hold their Jacobians against finite differences.

    Both engines cut their constraint solver off, and their collisions differ in places, so that
    the C engine may step elsewhere, or close by with another derivative. What it finds wrong
    is therefore appealed to MJX, by finite differences too; only for that MJX is compiled.
    """
    with precision(dtype):
        base = playground_environment(environment, solver)
    engine = _verdict(engine_referee(base.mj_model, int(base.n_substeps)), samples)
    fine = engine.same & (~engine.smooth | (engine.excess < 1))
    left = np.flatnonzero(~fine)
    if not left.size:
        return engine
    with precision(dtype):
        steps = mjx_steps(load(environment, solver, dtype))
        second = _verdict(steps, Transitions(*(values[left] for values in samples)))
    merged = [values.copy() for values in engine]
    for values, replaced in zip(merged, second, strict=True):
        values[left] = replaced
    return Verdict(*merged)._replace(by_engine=fine)


def _verdict(steps: Steps, samples: Transitions) -> Verdict:
    inputs = samples.state, samples.action, samples.memory
    after, _ = steps(*inputs)
    differences = central_differences(steps, *inputs)
    both = [_excess(samples.jacobian, each) for each in (differences.jacobian, differences.narrow)]
    # Each sample by the width that agrees better, as the verification stage has it.
    (wide, wide_error), (narrow, narrow_error) = both
    better = wide.max(axis=1, keepdims=True) <= narrow.max(axis=1, keepdims=True)
    excess, error = np.where(better, wide, narrow), np.where(better, wide_error, narrow_error)
    worst = excess.argmax(axis=1)
    pick = np.arange(len(error)), worst
    return Verdict(
        by_engine=np.ones(len(error), bool),
        same=np.abs(after - samples.next_state).max(axis=1) < SAME,
        smooth=~(differences.kink | differences.jump),
        excess=excess[pick],
        worst=worst,
        error=error[pick],
    )


def _excess(
    jacobian: Float[np.ndarray, "samples state inputs"],
    reference: Float[np.ndarray, "samples state inputs"],
) -> tuple[Float[np.ndarray, "samples elements"], Float[np.ndarray, "samples elements"]]:
    """Errors of all elements, in units of what is allowed and absolute."""
    error = np.abs(jacobian - reference)
    scale = np.abs(reference).max(axis=(1, 2), keepdims=True)
    allowed = ABSOLUTE + RELATIVE * scale
    return (error / allowed).reshape(len(error), -1), error.reshape(len(error), -1)


def engine_referee(model: mujoco.MjModel, substeps: int) -> Steps:
    """Control steps of the C engine, with a fingerprint of the constraints that acted.

    The fingerprint is what finite differences find kinks by: which constraints there were, and in
    which state the solver left each, in every simulator step.
    """
    data = mujoco.MjData(model)

    def one(
        state: np.ndarray, action: np.ndarray, memory: np.ndarray
    ) -> tuple[np.ndarray, list[int]]:
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = np.split(state, [model.nq])
        data.ctrl[:] = action
        data.qacc_warmstart[:] = memory
        acting = 0
        for _ in range(substeps):
            mujoco.mj_step(model, data)
            for rows in (data.efc_type, data.efc_id, data.efc_state):
                acting = zlib.crc32(rows.tobytes(), acting)
        return np.concatenate([data.qpos, data.qvel]), [acting]

    def steps(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        results = [one(*sample) for sample in zip(*inputs, strict=True)]
        return np.array([state for state, _ in results]), np.array([row for _, row in results])

    return steps
