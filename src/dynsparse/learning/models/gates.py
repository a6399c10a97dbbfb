"""Gates: open or closed for each sample, and learned all the same.

Whatever gates look at comes without its derivative. A model with gates is then piecewise smooth,
and what a gate closes has a derivative of exactly zero.
"""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynsparse.learning.models.activations import Units

Logits = Float[Array, "*any"]

# Gates start more open than not: closing what is needed teaches nothing.
OPEN = 1.0
# What chooses among a few, or is a parameter itself, is this much surer than it says.
SHARP = 3.0
# Uniform draws stay away from where their logit is infinite.
EDGE = 1e-6
# First gates differ little between samples.
FAINT = 0.1
SLOPE = 0.01
SPREAD = 1e-5


def gate(logits: Logits, key: PRNGKeyArray | None) -> Logits:
    """Bernoulli gates, drawn in training and open above zero in tests.

    Forwards they are 0 or 1; backwards they have the slope of the sigmoid that they were drawn
    from (straight through; Bengio, Leonard and Courville 2013; Jang, Gu and Poole 2017).
    """
    if key is None:
        return (logits > 0).astype(logits.dtype)
    drawn = jax.random.uniform(key, logits.shape, logits.dtype, EDGE, 1 - EDGE)
    soft = jax.nn.sigmoid(logits + jnp.log(drawn) - jnp.log1p(-drawn))
    return soft + jax.lax.stop_gradient((soft > 0.5) - soft)


def openness(logits: Logits) -> Float[Array, ""]:
    """What gates cost: minus the logarithm of the chance that one is closed, in the mean.

    Unlike the chance to be open it draws on gates that are sure to be open as much as on others:
    some stay open for others' sake that closed long ago.
    """
    return jax.nn.softplus(logits).mean()


def choose(logits: Logits, key: PRNGKeyArray | None) -> Logits:
    """One for one alternative of the last axis, drawn in training, the likeliest in tests; else 0.

    Backwards it has the slope of the chances that it was drawn from (Gumbel-softmax; Jang, Gu and
    Poole 2017).
    """
    if key is None:
        return _highest(logits)
    logits = logits + jax.random.gumbel(key, logits.shape, logits.dtype)
    soft = jax.nn.softmax(logits, axis=-1)
    return soft + jax.lax.stop_gradient(_highest(logits) - soft)


def _highest(logits: Logits) -> Logits:
    return jax.nn.one_hot(logits.argmax(axis=-1), logits.shape[-1], dtype=logits.dtype)


class Perceptron(eqx.Module):
    """What gates come from: layers that are normalised over their units, leaky rectified.

    Layer, not batch normalisation: samples must not influence each other.

    Attributes:
        weights, biases: of each layer.
    """

    weights: tuple[Float[Array, "_ _"], ...]
    biases: tuple[Float[Array, " _"], ...]

    @classmethod
    def create(
        cls, sizes: Sequence[int], bias: float = 0.0, scale: float = 1.0, *, key: PRNGKeyArray
    ) -> "Perceptron":
        """Kaiming-normal weights, and no biases but the outputs'.

        Args:
            sizes: the number of inputs, of units in each hidden layer, and of outputs.
            bias: of the outputs.
            scale: of the last weights, as a share of theirs.
            key: what is random.
        """
        keys = jax.random.split(key, len(sizes) - 1)
        weights = [
            jax.random.normal(k, (rows, columns)) * math.sqrt(2 / columns)
            for k, rows, columns in zip(keys, sizes[1:], sizes[:-1], strict=True)
        ]
        biases = [jnp.zeros(size) for size in sizes[1:]]
        return cls((*weights[:-1], weights[-1] * scale), (*biases[:-1], biases[-1] + bias))

    def __call__(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """What it says of each sample."""
        hidden = x
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = jax.nn.leaky_relu(normalised(hidden @ weight.T + bias), SLOPE)
        return hidden @ self.weights[-1].T + self.biases[-1]


def normalised(units: Units) -> Units:
    """Units of mean zero and variance one, in each sample."""
    units = units - units.mean(axis=-1, keepdims=True)
    return units * jax.lax.rsqrt((units**2).mean(axis=-1, keepdims=True) + SPREAD)
