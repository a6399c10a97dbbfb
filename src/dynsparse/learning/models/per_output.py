"""A network for each output, with a mask on its inputs: the body of architectures with gates.

What is masked is exact: an input that an output's mask shuts has a derivative of exactly zero.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynsparse.learning.models.activations import elu
from dynsparse.learning.models.base import Inputs, Jacobians, Outputs

# Masks are floats, so that gates learn through them; all that is closed is zero.
Mask = Float[Array, "batch outputs inputs"]
More = Float[Array, "batch outputs units"]

# Of the last weights, so that a network begins near "nothing changes".
QUIET = 0.1


class PerOutput(eqx.Module):
    """Networks with two hidden layers, one for each output, beside a linear skip.

    Every input has features of its own, [x_j, ELU(u_j x_j + c_j)], that all networks share:
    y_i = A_ii a_i x_i + b_i + w_i . h2_i, with h2_i = ELU(W2_i h1_i + c2_i) and
    h1_i = ELU(sum_j A_ij W1_ij e_j + c1_i).

    Attributes:
        feature_weight, feature_bias: u and c.
        first, first_bias: W1 and c1; an input's features stand side by side.
        second, second_bias: W2 and c2.
        last: w.
        skip, shift: a and b.
    """

    feature_weight: Float[Array, "inputs features"]
    feature_bias: Float[Array, "inputs features"]
    first: Float[Array, "outputs units seen"]
    first_bias: Float[Array, "outputs units"]
    second: Float[Array, "outputs units units"]
    second_bias: Float[Array, "outputs units"]
    last: Float[Array, "outputs units"]
    skip: Float[Array, " outputs"]
    shift: Float[Array, " outputs"]

    @classmethod
    def create(
        cls, features: int, units: int, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "PerOutput":
        """Kaiming-normal weights, the last ones a tenth of it, and a skip of one.

        Args:
            features: of each input, beside itself.
            units: of each hidden layer of each output.
            inputs, outputs: as ``WorldModel.create``; the first inputs are the state.
            key: what is random.
        """
        keys = jax.random.split(key, 4)
        across = inputs * (features + 1)

        def normal(key: PRNGKeyArray, *shape: int) -> Array:
            return jax.random.normal(key, shape) * math.sqrt(2 / shape[-1])

        return cls(
            jax.random.normal(keys[0], (inputs, features)),
            jnp.zeros((inputs, features)),
            normal(keys[1], outputs, units, across),
            jnp.zeros((outputs, units)),
            normal(keys[2], outputs, units, units),
            jnp.zeros((outputs, units)),
            normal(keys[3], outputs, units) * QUIET,
            jnp.ones(outputs),
            jnp.zeros(outputs),
        )

    def __call__(self, x: Inputs, mask: Mask | None = None, more: More | None = None) -> Outputs:
        """Predictions; see ``linearise``."""
        return self.linearise(x, mask, more)[0]

    def linearise(
        self, x: Inputs, mask: Mask | None = None, more: More | None = None
    ) -> tuple[Outputs, Jacobians]:
        """Predictions and Jacobians, with the mask taken for constant.

        Args:
            x: inputs.
            mask: what each output sees; None: all.
            more: is added before the first hidden layer of each output.
        """
        features, slopes = elu(x[..., None] * self.feature_weight + self.feature_bias)
        seen = jnp.concatenate([x[..., None], features], axis=2)
        slopes = jnp.concatenate([jnp.ones_like(x)[..., None], slopes * self.feature_weight], 2)
        rows = (
            (self.first, self.first_bias),
            (self.second, self.second_bias),
            (self.last, self.skip, self.shift),
            jnp.arange(len(self.last)),
            None if mask is None else jnp.moveaxis(mask, 1, 0),
            None if more is None else jnp.moveaxis(more, 1, 0),
        )
        found = _one_by_one(partial(_row, x, seen, slopes), rows)
        predictions, jacobians = (jnp.moveaxis(values, 0, 1) for values in found)
        return predictions, jacobians


def _one_by_one(function: Callable[[Any], Any], rows: Any) -> Any:
    """``function`` of every row of arrays: compiled once, for all outputs alike.

    XLA makes little of a batch of matrix products on a CPU.
    """
    if jax.default_backend() == "cpu":
        return jax.lax.map(function, rows)
    return jax.vmap(function)(rows)


def _row(
    x: Inputs,
    seen: Float[Array, "batch inputs seen"],
    slopes: Float[Array, "batch inputs seen"],
    row: tuple[Any, ...],
) -> tuple[Float[Array, " batch"], Float[Array, "batch inputs"]]:
    """One output, and its derivatives by all inputs."""
    (first, first_bias), (second, second_bias), (last, skip, shift), i, mask, more = row
    if mask is not None:
        seen = seen * mask[..., None]
    below = seen.reshape(len(x), -1) @ first.T + first_bias
    one, slope_one = elu(below if more is None else below + more)
    two, slope_two = elu(one @ second.T + second_bias)
    own = 1.0 if mask is None else jnp.take(mask, i, axis=1)
    value = own * skip * jnp.take(x, i, axis=1) + shift + two @ last
    back = ((slope_two * last) @ second * slope_one) @ first
    gradient = (back.reshape(slopes.shape) * slopes).sum(axis=2)
    gradient = gradient.at[:, i].add(skip)
    return value, gradient if mask is None else gradient * mask
