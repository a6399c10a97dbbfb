"""What chooses one of a few experts for each sample."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from dynsparse.learning.losses import Scalar, Truth
from dynsparse.learning.models.base import Inputs, Jacobians
from dynsparse.learning.models.gates import (
    FAINT,
    OPEN,
    SHARP,
    Perceptron,
    choose,
    gate,
    openness,
)

Chances = Float[Array, "batch experts"]


class Switch(eqx.Module):
    """Experts, each with a graph of its own, and the network that chooses among them.

    Attributes:
        watch: says how likely each expert is.
        gates: how open each gate of each expert is: the logarithm of the odds.
        price: of an open gate, in the loss.
        persistence: the price of another expert in the next state.
    """

    watch: Perceptron
    gates: Float[Array, "experts outputs inputs"]
    price: float = eqx.field(static=True)
    persistence: float = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        experts: int,
        gate_units: int,
        price: float,
        persistence: float,
        shape: tuple[int, int],
        *,
        key: PRNGKeyArray,
    ) -> "Switch":
        """Gates that are open, and a choice at random; ``shape`` is (outputs, inputs)."""
        one, two = jax.random.split(key)
        watch = Perceptron.create((shape[1], gate_units, gate_units, experts), key=one)
        gates = OPEN + FAINT * jax.random.normal(two, (experts, *shape))
        return cls(watch, gates, price, persistence)

    def chances(self, x: Inputs) -> Chances:
        """How likely each expert is: the logarithm of the odds, up to a constant."""
        return SHARP * self.watch(jax.lax.stop_gradient(x))

    def regime(self, x: Inputs) -> Int[Array, " batch"]:
        """The number of each sample's expert."""
        return self.chances(x).argmax(axis=1)

    def open(self, x: Inputs, key: PRNGKeyArray | None) -> tuple[Chances, Jacobians, Jacobians]:
        """Each sample's expert, how open its gates are, and its gates."""
        one, two = (None, None) if key is None else jax.random.split(key)
        choice = choose(self.chances(x), one)
        logits = SHARP * jnp.einsum("bk,kij->bij", choice, self.gates)
        return choice, logits, gate(logits, two)

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar:
        """The prices of open gates, and of change.

        Change is held against the next state under the same action. In normalised units states and
        next states are the same but for an episode's ends.
        """
        logits = self.open(x, key)[1]
        now = jax.nn.softmax(self.chances(x), axis=1)
        after = x.at[:, : truth.next_state.shape[1]].set(truth.next_state)
        later = jax.nn.softmax(self.chances(after), axis=1)
        changed = 1 - (now * later).sum(axis=1).mean()
        return self.price * openness(logits) + self.persistence * changed
