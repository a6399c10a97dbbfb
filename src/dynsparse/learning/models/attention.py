"""Hard attention between variables (SPARTAN; Lei, Schoelkopf and Posner 2025), or soft (CoDA)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynsparse.learning.losses import Scalar, Truth
from dynsparse.learning.models.base import (
    Inputs,
    Jacobians,
    ModelSettings,
    Outputs,
    WorldModel,
)
from dynsparse.learning.models.gates import OPEN, Perceptron, gate, normalised

Tokens = Float[Array, "batch inputs size"]
Edges = Float[Array, "batch inputs inputs"]


@dataclass(frozen=True)
class AttentionSettings(ModelSettings):
    """A transformer whose tokens are the dimensions of state and action.

    Attributes:
        layers: of attention.
        token: numbers in a token.
        hard: whether edges have gates; without, attention is soft and its weights are the graph.
        context: whether a gate sees the whole sample, or the two tokens that it joins alone.
        price: of a path from one variable to another, in the loss.
    """

    layers: int
    token: int
    hard: bool
    context: bool
    price: float


class Layer(eqx.Module):
    """Attention, and a perceptron for each token.

    Attributes:
        query, key, value, out: of attention.
        ask, answer: the same for gates.
        context: what a gate adds to its question, from the whole sample.
        widen, narrow: the perceptron.
    """

    query: Float[Array, "size size"]
    key: Float[Array, "size size"]
    value: Float[Array, "size size"]
    out: Float[Array, "size size"]
    ask: Float[Array, "size size"]
    answer: Float[Array, "size size"]
    context: Float[Array, "size size"]
    widen: Float[Array, "wide size"]
    narrow: Float[Array, "size wide"]

    @classmethod
    def create(cls, size: int, *, key: PRNGKeyArray) -> "Layer":
        """Weights of variance 1 / inputs, but for the two that write to a token: a tenth of it."""
        shapes = [(size, size)] * 7 + [(2 * size, size), (size, 2 * size)]
        keys = jax.random.split(key, len(shapes))
        weights = [
            jax.random.normal(k, shape) / math.sqrt(shape[1])
            for k, shape in zip(keys, shapes, strict=True)
        ]
        weights[3], weights[8] = weights[3] / 10, weights[8] / 10
        return cls(*weights)

    def logits(self, tokens: Tokens, context: Float[Array, "batch size"] | None) -> Edges:
        """How open the gate from j to i is: the logarithm of the odds."""
        seen = jax.lax.stop_gradient(tokens)
        asked = seen @ self.ask.T
        if context is not None:
            asked = asked + (context @ self.context.T)[:, None]
        pairs = jnp.einsum("bid,bjd->bij", asked, seen @ self.answer.T)
        return pairs / math.sqrt(tokens.shape[2]) + OPEN

    def weights(self, tokens: Tokens, gates: Edges) -> Edges:
        """Attention over open edges alone: a closed one is in no sum, so that nothing leaks."""
        scores = jnp.einsum("bid,bjd->bij", tokens @ self.query.T, tokens @ self.key.T)
        scores = scores / math.sqrt(tokens.shape[2])
        top = jnp.where(gates > 0, scores, -jnp.inf).max(axis=2, keepdims=True)
        below = scores - jax.lax.stop_gradient(top)
        # A closed edge may be above the open ones; it must not overflow for being multiplied by 0.
        sizes = gates * jnp.exp(jnp.where(gates > 0, below, jnp.minimum(below, 0.0)))
        return sizes / sizes.sum(axis=2, keepdims=True)

    def __call__(self, tokens: Tokens, states: Tokens, weights: Edges) -> Tokens:
        """Tokens after attention, of which ``states`` are normalised, and the perceptron."""
        tokens = tokens + (weights @ (states @ self.value.T)) @ self.out.T
        return tokens + jax.nn.gelu(normalised(tokens) @ self.widen.T) @ self.narrow.T


class Attention(WorldModel):
    """Each variable is a token, and attends to those from which an edge is open.

    Beside the original: weights are normalised over open edges alone, so that a variable without a
    path to an output has a derivative of exactly zero; gates see tokens without their derivatives.
    With ``context`` they see the whole sample too: a contact depends on more than two variables.

    Attributes:
        scale, shift: make an input a token.
        layers: of attention.
        watch: what gates see of the whole sample.
        last, skip, bias: make a token an output, beside the variable itself.
        hard, context, price: as the settings.
    """

    Settings: ClassVar = AttentionSettings

    scale: Float[Array, "inputs size"]
    shift: Float[Array, "inputs size"]
    layers: tuple[Layer, ...]
    watch: Perceptron
    last: Float[Array, "outputs size"]
    skip: Float[Array, " outputs"]
    bias: Float[Array, " outputs"]
    hard: bool = eqx.field(static=True)
    context: bool = eqx.field(static=True)
    price: float = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: AttentionSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Attention":
        """An untrained model whose gates are likely to be open, near "nothing changes"."""
        one, two, three, four, five = jax.random.split(key, 5)
        size = settings.token
        return cls(
            jax.random.normal(one, (inputs, size)),
            jax.random.normal(two, (inputs, size)),
            tuple(Layer.create(size, key=k) for k in jax.random.split(three, settings.layers)),
            Perceptron.create((inputs, size, size), key=four),
            jax.random.normal(five, (outputs, size)) / (10 * math.sqrt(size)),
            jnp.ones(outputs),
            jnp.zeros(outputs),
            settings.hard,
            settings.context,
            settings.price,
        )

    def __call__(self, x: Inputs, key: PRNGKeyArray | None = None) -> Outputs:
        """The predicted next states."""
        return self._run(x, key)[0]

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar | None:
        """The price of the share of paths that are open in mean, between different variables.

        Paths are counted, as in the original, and not how likely there is one: with all gates open
        that is nearly one, and no single gate changes it.
        """
        if not self.hard:
            return None
        outputs, inputs = len(self.skip), x.shape[1]
        apart = ~jnp.eye(outputs, inputs, dtype=bool)
        paths = self._through([jax.nn.sigmoid(logits) for logits in self._run(x, key)[1]])
        most = self._through([jnp.ones((1, inputs, inputs))] * len(self.layers))
        count = jnp.sum(paths[:, :outputs] * apart) / len(x)
        return self.price * count / jnp.sum(most[:, :outputs] * apart)

    def graph(self, x: Inputs) -> Jacobians:
        """How sure the surest path is of its least sure edge: above one half, it is open.

        Of soft attention, the product of its weights.
        """
        said = self._run(x, None)[1]
        outputs = len(self.skip)
        if not self.hard:
            halves = [(weights + jnp.eye(x.shape[1])) / 2 for weights in said]
            reach = halves[0]
            for each in halves[1:]:
                reach = each @ reach
            return reach[:, :outputs]
        reach = jnp.broadcast_to(jnp.eye(x.shape[1]), said[0].shape)
        for logits in said:
            sure = _own(jax.nn.sigmoid(logits))
            reach = jnp.minimum(sure[:, :, :, None], reach[:, None]).max(axis=2)
        return reach[:, :outputs]

    def _run(self, x: Inputs, key: PRNGKeyArray | None) -> tuple[Outputs, list[Edges]]:
        """Predictions, and how open each layer's gates are, or its soft weights."""
        tokens, said = x[..., None] * self.scale + self.shift, []
        seen = self.watch(jax.lax.stop_gradient(x)) if self.context else None
        for number, layer in enumerate(self.layers):
            states = normalised(tokens)
            gates = jnp.ones((len(x), x.shape[1], x.shape[1]), x.dtype)
            if self.hard:
                logits = layer.logits(states, seen)
                drawn = None if key is None else jax.random.fold_in(key, number)
                gates = _own(gate(logits, drawn))
                said.append(logits)
            weights = layer.weights(states, gates)
            if not self.hard:
                said.append(weights)
            tokens = layer(tokens, states, weights)
        outputs = len(self.skip)
        found = (normalised(tokens[:, :outputs]) * self.last).sum(axis=2)
        return self.skip * x[:, :outputs] + self.bias + found, said

    def _through(self, chances: list[Edges]) -> Edges:
        """The expected number of paths through all layers; a token may stay where it is."""
        still = jnp.eye(chances[0].shape[1])
        paths = still
        for each in chances:
            paths = (_own(each) + still) @ paths
        return paths


def _own(edges: Edges) -> Edges:
    """Edges of which a token's own is always open."""
    still = jnp.eye(edges.shape[1], dtype=edges.dtype)
    return edges * (1 - still) + still
