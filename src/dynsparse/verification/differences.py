"""Finite differences of a control step, the referee of its Jacobians."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

# Half the width of a central difference. Rounding costs about 1e-16 / 1e-6 = 1e-10, curvature
# about (1e-6)^2: both stay below the errors that matter.
HALF_WIDTH = 1e-6

# A batch of steps: (state, action, memory) -> (next states, active constraints or None).
Steps = Callable[..., tuple[np.ndarray, np.ndarray | None]]


class Differences(NamedTuple):
    """Central differences of a batch of control steps.

    Attributes:
        jacobian: d next_state / d (state, action).
        kink: whether a constraint changed between the two sides of any difference, so that
            they lie on different pieces of the dynamics and no derivative can match.
    """

    jacobian: Float[np.ndarray, "samples state inputs"]
    kink: Bool[np.ndarray, " samples"]


def central_differences(
    steps: Steps,
    state: Float[np.ndarray, "samples state"],
    action: Float[np.ndarray, "samples action"],
    memory: Float[np.ndarray, "samples nv"],
) -> Differences:
    """Differences of whole control steps, one input at a time, the memory held fixed."""
    inputs = np.concatenate([state, action], axis=1)
    size = state.shape[1]
    _, at_sample = steps(state, action, memory)
    kink, columns = np.zeros(len(state), bool), []
    for column in range(inputs.shape[1]):
        shift = np.zeros(inputs.shape[1])
        shift[column] = HALF_WIDTH
        sides = [np.split(inputs + sign * shift, [size], axis=1) for sign in (1, -1)]
        (up, active_up), (down, active_down) = (steps(*side, memory) for side in sides)
        columns.append((up - down) / (2 * HALF_WIDTH))
        if at_sample is not None:
            changed = (active_up != at_sample) | (active_down != at_sample)
            kink |= changed.reshape(len(kink), -1).any(axis=1)
    return Differences(np.stack(columns, axis=-1), kink)


def relative_error(
    jacobian: Float[np.ndarray, "samples state inputs"],
    reference: Float[np.ndarray, "samples state inputs"],
) -> Float[np.ndarray, "samples state inputs"]:
    """Error of each element, relative to the sample's largest reference if that exceeds one."""
    scale = np.maximum(1.0, np.abs(reference).max(axis=(1, 2), keepdims=True))
    return np.abs(jacobian - reference) / scale
