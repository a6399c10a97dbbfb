"""Finite differences of a control step, the referee of its Jacobians."""

from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from dynsparse.environments import engine_steps

# Half the widths of two central differences. Rounding costs about 1e-16 / 1e-7 = 1e-9 in the
# narrow one, curvature about (1e-6)^2 in the wide one: all below the errors that matter.
NARROW, WIDE = 1e-7, 1e-6

# Differences of two widths, of a smooth step, differ by its third derivative times the width
# squared; more than this share of the sample's largest element means that the step jumps.
JUMP = 1e-3

# A batch of steps: (state, action, memory) -> (next states, which constraints acted).
Steps = Callable[..., tuple[np.ndarray, np.ndarray]]


class Differences(NamedTuple):
    """Central differences of a batch of control steps.

    Attributes:
        jacobian: d next_state / d (state, action), from the wide differences.
        narrow: the same from narrow ones: less exact, but closer to what they are taken at.
        kink: whether a constraint changed between the two sides of any difference, so that
            they lie on different pieces of the dynamics and no derivative can match.
        jump: whether the differences of the two widths disagree: a solver that is cut off may
            end elsewhere after the smallest change, so that the step itself has no derivative.
    """

    jacobian: Float[np.ndarray, "samples state inputs"]
    narrow: Float[np.ndarray, "samples state inputs"]
    kink: Bool[np.ndarray, " samples"]
    jump: Bool[np.ndarray, " samples"]


def central_differences(
    steps: Steps,
    state: Float[np.ndarray, "samples state"],
    action: Float[np.ndarray, "samples action"],
    memory: Float[np.ndarray, "samples nv"],
) -> Differences:
    """Differences of whole control steps, one input at a time, the memory held fixed."""
    inputs = np.concatenate([state, action], axis=1)
    _, at_sample = steps(state, action, memory)
    kink = np.zeros(len(state), bool)
    narrow: list[np.ndarray] = []
    wide: list[np.ndarray] = []
    for column in range(inputs.shape[1]):
        for width, columns in ((NARROW, narrow), (WIDE, wide)):
            shift = np.zeros(inputs.shape[1])
            shift[column] = width
            sides = (np.split(inputs + sign * shift, [state.shape[1]], axis=1) for sign in (1, -1))
            (up, active_up), (down, active_down) = (steps(*side, memory) for side in sides)
            columns.append((up - down) / (2 * width))
            for active in (active_up, active_down):
                kink |= (active != at_sample).reshape(len(kink), -1).any(axis=1)
    jacobian, closer = np.stack(wide, axis=-1), np.stack(narrow, axis=-1)
    jump = relative_error(closer, jacobian).max(axis=(1, 2)) > JUMP
    return Differences(jacobian, closer, kink, jump)


def error_against(
    jacobian: Float[np.ndarray, "samples state inputs"], reference: Differences
) -> Float[np.ndarray, "samples state inputs"]:
    """Relative errors of elements, each sample's against the width that agrees better.

    Both widths estimate the same derivative, and away from jumps they agree to ``JUMP``. Which is
    the better one differs: a bend of the step inside the wide difference spoils that one alone.
    """
    errors = [relative_error(jacobian, each) for each in (reference.jacobian, reference.narrow)]
    worst = [error.max(axis=(1, 2), keepdims=True) for error in errors]
    return np.where(worst[0] <= worst[1], *errors)


def relative_error(
    jacobian: Float[np.ndarray, "samples state inputs"],
    reference: Float[np.ndarray, "samples state inputs"],
) -> Float[np.ndarray, "samples state inputs"]:
    """Error of each element, relative to the sample's largest reference if that exceeds one."""
    return np.abs(jacobian - reference) / _scale(reference)


def _scale(jacobian: Float[np.ndarray, "samples state inputs"]) -> Float[np.ndarray, "samples 1 1"]:
    return np.maximum(1.0, np.abs(jacobian).max(axis=(1, 2), keepdims=True))


def engine_steps_alone(model: mujoco.MjModel, substeps: int) -> Steps:
    """``engine_steps`` in the form that differences are taken of; its kinks are MJX's to find."""

    def steps(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        after = engine_steps(model, substeps, *inputs)
        return after, np.zeros((len(after), 0), bool)

    return steps
