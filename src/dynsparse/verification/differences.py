"""Finite differences of a control step, the referee of its Jacobians."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

# Half the width of a central difference. Rounding costs about 1e-16 / 1e-6 = 1e-10, curvature
# about (1e-6)^2: both stay below the errors that matter.
HALF_WIDTH = 1e-6

# Differences of two widths, of a smooth step, differ by its third derivative times the width
# squared; more than this share of the sample's largest element means that the step jumps.
JUMP = 1e-3

# A batch of steps: (state, action, memory) -> (next states, which constraints acted).
Steps = Callable[..., tuple[np.ndarray, np.ndarray]]


class Differences(NamedTuple):
    """Central differences of a batch of control steps.

    Attributes:
        jacobian: d next_state / d (state, action).
        kink: whether a constraint changed between the two sides of any difference, so that
            they lie on different pieces of the dynamics and no derivative can match.
        jump: whether differences of twice the width disagree: a solver that is cut off may
            end elsewhere after the smallest change, so that the step itself has no derivative.
    """

    jacobian: Float[np.ndarray, "samples state inputs"]
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
        for width, columns in ((HALF_WIDTH, narrow), (2 * HALF_WIDTH, wide)):
            shift = np.zeros(inputs.shape[1])
            shift[column] = width
            sides = (np.split(inputs + sign * shift, [state.shape[1]], axis=1) for sign in (1, -1))
            (up, active_up), (down, active_down) = (steps(*side, memory) for side in sides)
            columns.append((up - down) / (2 * width))
            for active in (active_up, active_down):
                kink |= (active != at_sample).reshape(len(kink), -1).any(axis=1)
    jacobian = np.stack(narrow, axis=-1)
    jump = relative_error(np.stack(wide, axis=-1), jacobian).max(axis=(1, 2)) > JUMP
    return Differences(jacobian, kink, jump)


def relative_error(
    jacobian: Float[np.ndarray, "samples state inputs"],
    reference: Float[np.ndarray, "samples state inputs"],
) -> Float[np.ndarray, "samples state inputs"]:
    """Error of each element, relative to the sample's largest reference if that exceeds one."""
    return np.abs(jacobian - reference) / _scale(reference)


def _scale(jacobian: Float[np.ndarray, "samples state inputs"]) -> Float[np.ndarray, "samples 1 1"]:
    return np.maximum(1.0, np.abs(jacobian).max(axis=(1, 2), keepdims=True))
