"""Hard attention between variables (SPARTAN; Lei, Schoelkopf and Posner 2025), or soft (CoDA)."""

import math
from dataclasses import dataclass
from functools import partial
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

Tokens = Float[Array, "batch _ size"]
ByHead = Float[Array, "batch _ heads token"]
# As each output sees them; one for all, or one each.
ByOutput = Float[Array, "batch #outputs inputs heads token"]
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
        mine, asked, answers, values = self._seen(x)
        gates = self._gates(x, key)
        moved = self._moved(mine, asked, answers[:, None], values[:, None], gates)
        return self.skip * x[:, : len(self.skip)] + self.bias + moved

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians, in one pass back.

        A token depends on its own variable alone, and an output on its own copy of all tokens.
        Predictions are made apart, so that a training of next states makes no copies.
        """
        seen, slopes = jax.jvp(self._seen, (x,), (jnp.ones_like(x),))
        mine, asked, answers, values = seen
        of_mine, of_asked, of_answers, of_values = slopes
        gates, outputs = self._gates(x, key), len(self.skip)

        def copies(tokens: Array) -> Array:
            return jnp.broadcast_to(tokens[:, None], (len(x), outputs, *tokens.shape[1:]))

        move = partial(self._moved, gates=gates)
        moved, pull = jax.vjp(move, mine, asked, copies(answers), copies(values))
        by_mine, by_asked, by_answers, by_values = pull(jnp.ones_like(moved))
        jacobian = (by_answers * of_answers[:, None] + by_values * of_values[:, None]).sum((3, 4))
        own = (by_mine * of_mine).sum(2) + (by_asked * of_asked).sum((2, 3)) + self.skip
        is_own = jnp.eye(outputs, x.shape[1], dtype=bool)
        return self(x, key), jnp.where(is_own, jacobian + own[..., None], jacobian)

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
        _, asked, answers, _ = self._seen(x)
        weights = self._weights(asked, answers[:, None]).mean(axis=3)
        return (weights + jnp.eye(weights.shape[1], weights.shape[2])) / 2

    def _seen(self, x: Inputs) -> tuple[Tokens, ByHead, ByHead, ByHead]:
        """Tokens of the state, what they ask, and what all tokens answer and give."""
        tokens = x[..., None] * self.scale + self.shift
        mine, seen = tokens[:, : len(self.skip)], normalised(tokens)
        return (
            mine,
            self._by_head(seen[:, : len(self.skip)] @ self.query.T),
            self._by_head(seen @ self.key.T),
            self._by_head(tokens @ self.value.T),
        )

    def _gates(self, x: Inputs, key: PRNGKeyArray | None) -> Jacobians | None:
        return _with_own(gate(self.logits(x), key)) if self.hard else None

    def _weights(self, asked: ByHead, answers: ByOutput) -> Weights:
        """Before any gate."""
        # Not as a product of matrices: on a CPU, a batch of small ones takes longer.
        scores = (asked[:, :, None] * answers).sum(axis=4) / math.sqrt(asked.shape[3])
        return jax.nn.sigmoid(scores) if self.hard else jax.nn.softmax(scores, axis=2)

    def _moved(
        self,
        mine: Tokens,
        asked: ByHead,
        answers: ByOutput,
        values: ByOutput,
        gates: Jacobians | None,
    ) -> Outputs:
        """What is added to a share of the state."""
        weights = self._weights(asked, answers)
        if gates is not None:
            weights = weights * gates[..., None]
        gathered = (weights[..., None] * values).sum(axis=2)
        hidden = jnp.concatenate([mine, gathered.reshape(mine.shape)], axis=2)
        for weight, bias in ((self.first, self.first_bias), (self.second, self.second_bias)):
            hidden, _ = elu(hidden @ weight.T + bias)
        return (hidden * self.last).sum(axis=2)

    def _by_head(self, tokens: Tokens) -> ByHead:
        return tokens.reshape(*tokens.shape[:2], self.heads, -1)


def _with_own(gates: Jacobians) -> Jacobians:
    """Gates, of which that of a variable to itself is always open."""
    return jnp.where(jnp.eye(gates.shape[1], gates.shape[2], dtype=bool), 1.0, gates)
