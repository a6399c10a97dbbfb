"""Recording what an environment hands to ``mj_step``, and refusing what that does not tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from dynsparse.c_engine.layout import Layout, integration_state, same_numbers
from dynsparse.c_engine.simulation import Outcome, Simulation
from dynsparse.environments.names import state_names
from dynsparse.errors import DynsparseError


class Call(NamedTuple):
    """One call of the simulator's step.

    Attributes:
        model: as the caller has it, who may change it later.
        data: whose step it is.
        before: all that the step depends on.
        steps: how many simulator steps it made.
        after: all that the next step depends on.
    """

    model: mujoco.MjModel
    data: mujoco.MjData
    before: Float[np.ndarray, " integration"]
    steps: int
    after: Float[np.ndarray, " integration"]


class Recorded(NamedTuple):
    """An episode as the simulator was given it.

    Attributes:
        model: a copy of the simulator's, as it was in this episode.
        substeps: simulator steps in each control step.
        before: all that each control step depends on.
        next_state: the state that the environment was in after it.
        reward: of the environment.
        terminated: whether the environment reported an end.
    """

    model: mujoco.MjModel
    substeps: int
    before: Float[np.ndarray, "time integration"]
    next_state: Float[np.ndarray, "time state"]
    reward: Float[np.ndarray, " time"]
    terminated: Bool[np.ndarray, " time"]


@contextmanager
def recorded_calls() -> Iterator[list[Call]]:
    """The calls of MuJoCo's step while the context lasts; they are made as ever."""
    calls: list[Call] = []

    def recording(step: Any) -> Any:
        def stepped(m: mujoco.MjModel, d: mujoco.MjData, *args: Any, **kwargs: Any) -> None:
            before = integration_state(m, d)
            step(m, d, *args, **kwargs)
            count = int(args[0] if args else kwargs.get("nstep", 1))
            calls.append(Call(m, d, before, count, integration_state(m, d)))

        return stepped

    # mj_step1 computes what mj_step2 integrates, and moves nothing.
    originals = {name: getattr(mujoco, name) for name in ("mj_step", "mj_step2")}
    for name, original in originals.items():
        setattr(mujoco, name, recording(original))
    try:
        yield calls
    finally:
        for name, original in originals.items():
            setattr(mujoco, name, original)


class _Step(NamedTuple):
    """A control step as it was recorded."""

    calls: list[Call]
    end: Float[np.ndarray, " integration"]
    outcome: Outcome


def record_episode(name: str, simulation: Simulation, seed: int, steps: int) -> Recorded:
    """Roll an environment out for ``steps`` control steps under random actions.

    Raises:
        DynsparseError: it moves its state outside the simulator's steps, changes controls within
            a control step, or does not step by ``mujoco.mj_step``.
    """
    with _its_own_errors(name):
        simulation.reset(seed)
    rng = np.random.default_rng(seed)
    first = _recorded_step(name, simulation, rng)
    model = copy(first.calls[0].model)
    layout = Layout.of(name, model)
    taken = [first, *(_recorded_step(name, simulation, rng) for _ in range(steps - 1))]
    for number, step in enumerate(taken):
        _check_step(name, layout, model, number, step)
    before = np.array([step.calls[0].before for step in taken])
    next_state = layout.split(np.array([step.end for step in taken])).state
    for number in range(steps - 1):
        began = layout.split(before[number + 1]).state
        _check_unmoved(name, model, number + 1, next_state[number], began)
    counts = {sum(call.steps for call in step.calls) for step in taken}
    if min(counts) < 1:
        raise DynsparseError(f"environment {name!r}: a control step makes no simulator step")
    if len(counts) > 1:
        raise DynsparseError(
            f"environment {name!r}: its control steps have different numbers of simulator steps,"
            f" {sorted(counts)}"
        )
    reward = np.array([step.outcome.reward for step in taken])
    terminated = np.array([step.outcome.terminated for step in taken])
    return Recorded(model, counts.pop(), before, next_state, reward, terminated)


def _recorded_step(name: str, simulation: Simulation, rng: np.random.Generator) -> _Step:
    with recorded_calls() as calls, _its_own_errors(name):
        outcome = simulation.step(rng)
    if not calls:
        raise DynsparseError(f"environment {name!r}: its step does not call mujoco.mj_step")
    first = calls[0]
    if any(call.data is not first.data for call in calls):
        raise DynsparseError(f"environment {name!r}: a control step steps several simulations")
    return _Step(calls, integration_state(first.model, first.data), outcome)


@contextmanager
def _its_own_errors(name: str) -> Iterator[None]:
    """What an environment raises, as one line that says whose it is."""
    try:
        yield
    except DynsparseError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise DynsparseError(f"environment {name!r}: {type(error).__name__}: {reason}") from error


def _check_step(name: str, layout: Layout, model: mujoco.MjModel, number: int, step: _Step) -> None:
    """A control step is simulator steps, one after the other, under what is held."""
    first = layout.split(step.calls[0].before)
    following = [*(call.before for call in step.calls[1:]), step.end]
    for call, later in zip(step.calls, following, strict=True):
        began = layout.split(later)
        _check_unmoved(name, model, number, layout.split(call.after).state, began.state)
    for call in step.calls[1:]:
        given = layout.split(call.before)
        # Time, the first of what is held, runs on.
        same = given.held[1:] == first.held[1:]
        if not (same.all() and np.array_equal(given.action, first.action)):
            raise DynsparseError(
                f"environment {name!r}: its controls or forces change within control step {number}"
                " (a controller between the simulator's steps), of which no derivative by the"
                " action is known"
            )


def _check_unmoved(
    name: str, model: mujoco.MjModel, number: int, left: np.ndarray, found: np.ndarray
) -> None:
    """Nothing but the simulator may have moved the state."""
    moved = ~same_numbers(left, found)
    if not moved.any():
        return
    dimensions = np.flatnonzero(moved)
    names = ", ".join(state_names(model)[k] for k in dimensions[:3])
    more = f" and {len(dimensions) - 3} more" if len(dimensions) > 3 else ""
    by = np.nanmax(np.abs(left - found)[moved], initial=0.0)
    raise DynsparseError(
        f"environment {name!r}: it moves {names}{more} itself, outside MuJoCo's step (control step"
        f" {number}, by {by:.2g}), so that a derivative of the step is none of the environment"
    )
