"""Judging stored transitions and Jacobians by MuJoCo's C engine, and by MJX where the two part."""

from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from dynsparse.environments import load, observed_engine_steps, simulated_model
from dynsparse.environments.c_steps import acting
from dynsparse.environments.playground import Solver
from dynsparse.jacobians import ENGINE
from dynsparse.precision import Precision, precision
from dynsparse.verification.differences import (
    CERTAIN,
    Steps,
    central_differences,
    evaluations,
    judge_elements,
)
from dynsparse.verification.verify import mjx_steps

# A replay below this is the same transition: rounding gives 1e-13, another contact 1e-4 and more.
SAME = 1e-8
# The share of a sample's elements that its differences need not decide.
FEW = 0.01


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
        decided: the differences tell of all elements but a few what they are.
        excess: the largest error of an element, in units of what is allowed.
        worst: the flat index of that element.
        error: its absolute error.
    """

    by_engine: Bool[np.ndarray, " samples"]
    same: Bool[np.ndarray, " samples"]
    smooth: Bool[np.ndarray, " samples"]
    decided: Bool[np.ndarray, " samples"]
    excess: Float[np.ndarray, " samples"]
    worst: np.ndarray
    error: Float[np.ndarray, " samples"]


def judge(
    environment: str, solver: Solver, dtype: Precision, method: str, samples: Transitions
) -> Verdict:
    """Replay stored transitions, and hold their Jacobians against finite differences.

    Both engines cut their constraint solver off, and their collisions differ in places, so that
    the C engine may step elsewhere, or close by with another derivative. What it finds wrong,
    or cannot decide, is therefore appealed to MJX, by finite differences too; only for that MJX
    is compiled. ``method`` is how the Jacobians were computed.
    """
    model, substeps = simulated_model(environment, solver)
    resolution = CERTAIN if method == ENGINE else 0.0
    referee = engine_referee(model, substeps)
    engine = _verdict(referee, samples, resolution)
    fine = engine.same & (~engine.smooth | ((engine.excess <= 1) & engine.decided))
    left = np.flatnonzero(~fine)
    if not left.size:
        return engine
    with precision(dtype):
        columns = samples.jacobian.shape[2]
        taken = len(left) + evaluations(len(left), columns)
        steps = mjx_steps(load(environment, solver, dtype), taken)
        second = _verdict(steps, Transitions(*(values[left] for values in samples)), resolution)
    merged = [values.copy() for values in engine]
    for values, replaced in zip(merged, second, strict=True):
        values[left] = replaced
    return Verdict(*merged)._replace(by_engine=fine)


def _verdict(steps: Steps, samples: Transitions, resolution: float) -> Verdict:
    inputs = samples.state, samples.action, samples.memory
    after, _ = steps(*inputs)
    differences = central_differences(steps, *inputs)
    judgement = judge_elements(samples.jacobian, differences, resolution)
    excess, undecided = (
        values.reshape(len(after), -1) for values in (judgement.excess, judgement.undecided)
    )
    error = np.abs(samples.jacobian - differences.jacobian).reshape(len(after), -1)
    worst = excess.argmax(axis=1)
    pick = np.arange(len(error)), worst
    return Verdict(
        by_engine=np.ones(len(error), bool),
        same=np.abs(after - samples.next_state).max(axis=1) < SAME,
        smooth=differences.smooth,
        decided=undecided.mean(axis=1) <= FEW,
        excess=excess[pick],
        worst=worst,
        error=error[pick],
    )


def engine_referee(model: mujoco.MjModel, substeps: int) -> Steps:
    """Control steps of the C engine, with a fingerprint of the constraints that acted.

    The fingerprint is what finite differences find kinks by: which constraints there were, and in
    which state the solver left each, in every simulator step.
    """

    def steps(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        after, seen = observed_engine_steps(model, substeps, acting, *inputs)
        return after, np.array(seen)

    return steps
