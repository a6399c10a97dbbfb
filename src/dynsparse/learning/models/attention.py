"""Hard attention between variables (SPARTAN; Lei, Schoelkopf and Posner 2025), or soft (CoDA)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynsparse.learning.models.activations import elu
from dynsparse.learning.models.base import (
    Inputs,
    Jacobians,
    ModelSettings,
    Outputs,
    WorldModel,
)
from dynsparse.learning.models.gates import FAINT, OPEN, Perceptron, gate, normalised, openness
from dynsparse.learning.training.losses import Scalar, Truth

Tokens = Float[Array, "batch inputs size"]
# How much of each variable goes to each of the next state, in each head.
Weights = Float[Array, "batch outputs inputs heads"]


@dataclass(frozen=True)
class AttentionSettings(ModelSettings):
    """A token for each variable; those of the state attend to all, once.

    Attributes:
        heads: of attention.
        token: numbers in a token, for each head.
        hard: whether edges have gates; without, attention is soft and its weights are the graph.
        gate_units: of each of the two hidden layers that gates come from.
        price: of an open gate, in the loss.
    """

    heads: int
    token: int
    hard: bool
    gate_units: int
    price: float


class Attention(WorldModel):
    """A token of the state gathers from those whose edge is open; a perceptron makes it an output.

    Beside the original: attention has one layer, so that an edge is a path. Gates look at the whole
    sample, without its derivative, since a contact depends on more than the two variables that it
    joins. Behind a gate a weight is a sigmoid by itself. Of a softmax, to close one edge changes
    all others, and those that are closed act through its sum.

    Attributes:
        scale, shift: make a variable a token.
        query, key, value: of attention.
        watch: says how open each gate is.
        first, first_bias, second, second_bias, last: the perceptron; the last is each output's own.
        skip, bias: an output's beside it.
        heads, hard, price: as the settings.
    """

    Settings: ClassVar = AttentionSettings

    scale: Float[Array, "inputs size"]
    shift: Float[Array, "inputs size"]
    query: Float[Array, "size size"]
    key: Float[Array, "size size"]
    value: Float[Array, "size size"]
    watch: Perceptron
    first: Float[Array, "wide wide"]
    first_bias: Float[Array, " wide"]
    second: Float[Array, "wide wide"]
    second_bias: Float[Array, " wide"]
    last: Float[Array, "outputs wide"]
    skip: Float[Array, " outputs"]
    bias: Float[Array, " outputs"]
    heads: int = eqx.field(static=True)
    hard: bool = eqx.field(static=True)
    price: float = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: AttentionSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Attention":
        """An untrained model whose gates are likely to be open, near "nothing changes"."""
        size = settings.heads * settings.token
        wide = 2 * size
        keys = iter(jax.random.split(key, 9))

        def normal(scale: float, *shape: int) -> Array:
            return scale * jax.random.normal(next(keys), shape)

        hidden, gates = settings.gate_units, inputs * outputs
        return cls(
            scale=normal(1.0, inputs, size),
            shift=normal(1.0, inputs, size),
            query=normal(1 / math.sqrt(size), size, size),
            key=normal(1 / math.sqrt(size), size, size),
            value=normal(1 / math.sqrt(size), size, size),
            watch=Perceptron.create((inputs, hidden, hidden, gates), OPEN, FAINT, key=next(keys)),
            first=normal(math.sqrt(2 / wide), wide, wide),
            first_bias=jnp.zeros(wide),
            second=normal(math.sqrt(2 / wide), wide, wide),
            second_bias=jnp.zeros(wide),
            last=normal(FAINT / math.sqrt(wide), outputs, wide),
            skip=jnp.ones(outputs),
            bias=jnp.zeros(outputs),
            heads=settings.heads,
            hard=settings.hard,
            price=settings.price,
        )

    def __call__(self, x: Inputs, key: PRNGKeyArray | None = None) -> Outputs:
        """The predicted next states."""
        tokens = self._tokens(x)
        mine, weights = tokens[:, : len(self.skip)], self._weights(tokens)
        if self.hard:
            weights = weights * _with_own(gate(self.logits(x), key))[..., None]
        gathered = (weights[..., None] * self._by_head(tokens @ self.value.T)[:, None]).sum(axis=2)
        hidden = jnp.concatenate([mine, gathered.reshape(mine.shape)], axis=2)
        for weight, bias in ((self.first, self.first_bias), (self.second, self.second_bias)):
            hidden, _ = elu(hidden @ weight.T + bias)
        return self.skip * x[:, : len(self.skip)] + self.bias + (hidden * self.last).sum(axis=2)

    def logits(self, x: Inputs) -> Jacobians:
        """How open each gate is: the logarithm of the odds."""
        said = self.watch(jax.lax.stop_gradient(x))
        return said.reshape(len(x), len(self.skip), x.shape[1])

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar | None:
        """The price of open gates."""
        return self.price * openness(self.logits(x)) if self.hard else None

    def graph(self, x: Inputs) -> Jacobians:
        """How likely each gate is to be open.

        Of soft attention: the mean of its weights over heads, halved with the token that stays.
        """
        if self.hard:
            return _with_own(jax.nn.sigmoid(self.logits(x)))
        weights = self._weights(self._tokens(x)).mean(axis=3)
        return (weights + jnp.eye(weights.shape[1], weights.shape[2])) / 2

    def _tokens(self, x: Inputs) -> Tokens:
        return x[..., None] * self.scale + self.shift

    def _weights(self, tokens: Tokens) -> Weights:
        """Before any gate."""
        seen = normalised(tokens)
        asked = self._by_head(seen[:, : len(self.skip)] @ self.query.T)
        answers = self._by_head(seen @ self.key.T)
        # Not as a product of matrices: on a CPU, a batch of small ones takes longer.
        scores = (asked[:, :, None] * answers[:, None]).sum(axis=4) / math.sqrt(asked.shape[3])
        return jax.nn.sigmoid(scores) if self.hard else jax.nn.softmax(scores, axis=2)

    def _by_head(self, tokens: Tokens) -> Float[Array, "batch tokens heads token"]:
        return tokens.reshape(*tokens.shape[:2], self.heads, -1)


def _with_own(gates: Jacobians) -> Jacobians:
    """Gates, of which that of a variable to itself is always open."""
    return jnp.where(jnp.eye(gates.shape[1], gates.shape[2], dtype=bool), 1.0, gates)
