"""Z-scores of states and actions, and what they do to Jacobians (paper, A2.2, corrected).

With x~ = (x - mean_in) / scale_in and y~ = (y - mean_out) / scale_out, the chain rule gives

    J~_ij = J_ij * scale_in_j / scale_out_i

The paper prints the inverse of this factor.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# Added to standard deviations, as in the paper. A column whose standard deviation is smaller than
# this share of its size never moves but for rounding: its scale is 1.
EPSILON = 1e-8


class Scaler(NamedTuple):
    """Mean and scale of every dimension of inputs (state, action) and outputs (next state)."""

    input_mean: Float[np.ndarray, " inputs"]
    input_scale: Float[np.ndarray, " inputs"]
    output_mean: Float[np.ndarray, " outputs"]
    output_scale: Float[np.ndarray, " outputs"]

    def inputs(self, values: Float[np.ndarray, "*n inputs"]) -> Float[np.ndarray, "*n inputs"]:
        """Z-scores of states and actions, side by side."""
        return (values - self.input_mean) / self.input_scale

    def outputs(self, values: Float[np.ndarray, "*n outputs"]) -> Float[np.ndarray, "*n outputs"]:
        """Z-scores of next states."""
        return (values - self.output_mean) / self.output_scale

    def next_states(
        self, values: Float[np.ndarray, "*n outputs"]
    ) -> Float[np.ndarray, "*n outputs"]:
        """Next states, from their z-scores."""
        return values * self.output_scale + self.output_mean

    def jacobian(
        self, values: Float[np.ndarray, "*n outputs inputs"]
    ) -> Float[np.ndarray, "*n outputs inputs"]:
        """The Jacobian of the normalised map, from that of the map itself."""
        return values * (self.input_scale / self.output_scale[:, None])

    def derivative(
        self, values: Float[np.ndarray, "*n outputs inputs"]
    ) -> Float[np.ndarray, "*n outputs inputs"]:
        """The Jacobian of the map itself, from that of the normalised map."""
        return values * (self.output_scale[:, None] / self.input_scale)


def fit(
    parts: Iterable[tuple[Float[np.ndarray, "_ inputs"], Float[np.ndarray, "_ outputs"]]],
) -> Scaler:
    """The scaler of all samples of ``parts`` (inputs and outputs), which are seen once."""
    inputs, outputs = _Moments(), _Moments()
    for x, y in parts:
        inputs.add(x)
        outputs.add(y)
    return Scaler(*inputs.mean_and_scale(), *outputs.mean_and_scale())


class _Moments:
    """Mean and variance, merged part by part (Chan, Golub and LeVeque 1983)."""

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, np.zeros(()), np.zeros(())

    def add(self, values: np.ndarray) -> None:
        if not len(values):
            return
        mean, total = values.mean(axis=0), self._count + len(values)
        shift = mean - self._mean
        self._squares = (
            self._squares
            + ((values - mean) ** 2).sum(axis=0)
            + shift**2 * (self._count * len(values) / total)
        )
        self._mean = self._mean + shift * (len(values) / total)
        self._count = total

    def mean_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        deviation = np.sqrt(self._squares / max(self._count, 1))
        moves = deviation > EPSILON * np.maximum(1.0, np.abs(self._mean))
        return self._mean, np.where(moves, deviation + EPSILON, 1.0)
