"""Jacobians of many samples, a batch at a time, by the cheapest program that is right."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import jax
import numpy as np

# JAX's LAPACK is SciPy's: it has to be there before its threads can be set.
import scipy.linalg  # noqa: F401
from jaxtyping import Bool, Float
from threadpoolctl import threadpool_limits

from dynsparse.environments.dynamics import Dynamics, StepRecord
from dynsparse.environments.identity import simulator_identity
from dynsparse.jacobians.differences import engine_linearisations
from dynsparse.jacobians.methods import (
    ENGINE,
    QUICK_HYBRID,
    Linearisation,
    linearise,
    resolve_method,
)
from dynsparse.precision import current_precision, in_precision
from dynsparse.programs import kept
from dynsparse.suite import LOCOMOTION

# Takes states, actions, memories and what to tell of each batch's size; gives numpy arrays.
Derive = Callable[..., Linearisation]


# As shipped, their solver is cut off so often that asking for its optimum first does not pay.
OFTEN_CUT_OFF = {
    *("BallInCup", "FingerSpin", "FingerTurnEasy", "FingerTurnHard"),
    *(f"Walker{task}" for task in ("Run", "Stand", "Walk")),
    *LOCOMOTION,
}


# Samples differentiated together where nothing is said. On a CPU each takes longer among more; an
# accelerator has little to do with fewer.
ON_CPU = 100
ON_ACCELERATOR = 2000


# For no more samples than these it does not pay that XLA compiles as well as it can. Few of a
# file's samples come to the programs after the first.
FEW, FEW_BEFORE_OTHERS = 4_000, 40_000
# A solver that may go on for longer never is compiled quickly: it then takes several times as
# long, and may stop early (docs/results/compiling: WalkerRun, converged).
MOST_ITERATIONS = 10


class _Stage(NamedTuple):
    """A program, and for which of the samples that it was asked for it is not the right one."""

    program: Callable[..., Linearisation]
    left: Callable[[Linearisation], Bool[np.ndarray, " samples"]]


def batched_jacobians(
    dynamics: Dynamics, method: str, batch: int, samples: int | None = None
) -> Derive:
    """A function that steps and differentiates any number of samples.

    The hybrid method asks up to three programs: ``implicit`` for all samples; for those in which
    the solver was cut off in some simulator step, the one that decides at every call of the
    solver and takes line searches for what they look for; and for those in which a search was
    cut off too, the one that follows the searches. In environments that are ``OFTEN_CUT_OFF`` the
    first is left out. A program is compiled when the first sample for it comes, and traced once
    on a machine, see ``dynsparse.programs``.

    Args:
        dynamics: the environment's step.
        method: a name of ``dynsparse.jacobians.METHODS``, ``mujoco_c``, or ``auto``.
        batch: samples differentiated together; 0: as many as suit the device. The last batch is
            filled up, since another shape would mean compiling again.
        samples: how many there are in all, by which it is decided how long XLA may compile
            (results differ by rounding); None: many.

    Raises:
        DynsparseError: there is no such method.
    """
    method = resolve_method(method, dynamics.methods)
    batch = batch or (ON_CPU if jax.default_backend() == "cpu" else ON_ACCELERATOR)
    stages = _stages(dynamics, method, samples)
    # The C engine uses all cores for a batch by itself.
    at_once = 1 if method == ENGINE else None

    def derive(
        state: Float[np.ndarray, "samples state"],
        action: Float[np.ndarray, "samples action"],
        memory: Float[np.ndarray, "samples nv"],
        advance: Callable[[int], Any] = lambda count: None,
    ) -> Linearisation:
        inputs = (state, action, memory)
        first, *others = stages
        result = in_batches(first.program, inputs, batch, advance, at_once)
        left = np.flatnonzero(first.left(result))
        for stage in others:
            if left.size:
                again = in_batches(stage.program, [x[left] for x in inputs], batch)
                result = jax.tree.map(partial(_replaced, left), result, again)
                left = left[stage.left(again)]
        return result

    return derive


def few(dynamics: Dynamics, samples: int | None, most: int) -> bool:
    """Whether it does not pay for so many samples that XLA compiles as well as it can.

    Args:
        dynamics: the environment's step.
        samples: how many there are in all; None: many.
        most: the largest number for which it does not.
    """
    short = dynamics.mj_model.opt.iterations <= MOST_ITERATIONS
    return short and samples is not None and samples <= most


def _stages(dynamics: Dynamics, method: str, samples: int | None) -> list[_Stage]:
    """The programs in their order, compiled quickly where few samples come to them."""
    first, others = (few(dynamics, samples, most) for most in (FEW, FEW_BEFORE_OTHERS))
    if method == ENGINE:
        return [_Stage(in_precision(dynamics.dtype, engine_linearisations(dynamics)), _none)]
    if method != "hybrid":
        return [_Stage(_program(dynamics, method, first), _none)]
    stages = {"implicit": _cut_off, QUICK_HYBRID: _not_finite, "hybrid": _none}
    if dynamics.solver == "as_shipped" and dynamics.name in OFTEN_CUT_OFF:
        del stages["implicit"]
    quickly = [first] + [others] * (len(stages) - 1)
    return [
        _Stage(_program(dynamics, name, each), left)
        for (name, left), each in zip(stages.items(), quickly, strict=True)
    ]


def _none(found: Linearisation) -> Bool[np.ndarray, " samples"]:
    return np.zeros(len(found.next_state), bool)


def _cut_off(found: Linearisation) -> Bool[np.ndarray, " samples"]:
    return ~np.asarray(found.record.solver_converged)


def _not_finite(found: Linearisation) -> Bool[np.ndarray, " samples"]:
    both = np.concatenate([found.state_jacobian, found.action_jacobian], axis=2)
    return ~np.isfinite(both).all(axis=(1, 2))


def _program(dynamics: Dynamics, method: str, quickly: bool) -> Callable[..., Linearisation]:
    def plain(*samples: jax.Array) -> tuple[Any, ...]:
        found = jax.vmap(partial(linearise, dynamics, method))(*samples)
        return (*found[:-1], tuple(found.record))

    name = f"{dynamics.name}-{method.replace(' ', '-')}"
    program = kept(name, __name__, plain, simulator_identity(dynamics), quickly)

    def linearisations(*samples: np.ndarray) -> Linearisation:
        next_state, by_state, by_action, record = program(*samples)
        return Linearisation(next_state, by_state, by_action, StepRecord(*record))

    return in_precision(dynamics.dtype, linearisations)


def in_batches(
    program: Callable[..., Any],
    inputs: Any,
    batch: int,
    advance: Callable[[int], Any] = lambda count: None,
    at_once: int | None = None,
) -> Any:
    """What ``program`` gives for all samples, asked ``batch`` of them at a time.

    Several batches are under way at once, since the operations on a small one leave cores idle;
    what comes out does not depend on it. Each has one thread of BLAS: its matrices are small, and
    by default BLAS starts as many threads as there are cores, in every batch.

    Args:
        program: takes arrays of ``batch`` samples and gives a tree of such arrays.
        inputs: arrays with a row per sample.
        batch: samples per call; the last one is filled up by the last sample.
        advance: told of how many samples there is a result.
        at_once: batches under way at once; None: as many as keep the device busy.
    """
    samples = len(inputs[0])

    def part(start: int) -> Any:
        index = np.minimum(np.arange(start, start + batch), samples - 1)
        result = jax.tree.map(np.asarray, program(*(values[index] for values in inputs)))
        return jax.tree.map(lambda values: values[: samples - start], result)

    parts, threads = [], ThreadPoolExecutor(at_once or _at_once())
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            # Threads do not inherit the precision of who asks.
            inherited = in_precision(current_precision(), part)
            # The first call compiles; the others find its program.
            rest = range(batch, samples, batch)
            for result in chain([inherited(0)], threads.map(inherited, rest)):
                parts.append(result)
                advance(len(jax.tree.leaves(result)[0]))
    finally:
        # An error or an interrupt does not wait for the batches that nobody asks for any more.
        threads.shutdown(cancel_futures=True)
    return jax.tree.map(lambda *values: np.concatenate(values), *parts)


def _at_once() -> int:
    """On a CPU one batch per core; on an accelerator one computes while another is copied."""
    return len(os.sched_getaffinity(0)) if jax.default_backend() == "cpu" else 2


def _replaced(index: np.ndarray, values: np.ndarray, others: np.ndarray) -> np.ndarray:
    values[index] = others
    return values
