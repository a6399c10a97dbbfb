"""What chooses one of a few experts for each sample, and what all models with experts share."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from dynsparse.learning.models.base import ClosedForm, Inputs, Jacobians, ModelSettings
from dynsparse.learning.models.gates import (
    FAINT,
    OPEN,
    SHARP,
    Perceptron,
    choose,
    gate,
    openness,
)
from dynsparse.learning.training.losses import Scalar, Truth

Chances = Float[Array, "batch experts"]


@dataclass(frozen=True)
class ExpertSettings(ModelSettings):
    """Experts, and what chooses among them.

    Attributes:
        gate_units: of each of the two hidden layers that choose an expert.
        experts: how many there are.
        price: of an open gate, in the loss.
        persistence: the price of another expert in the next state.
    """

    gate_units: int
    experts: int
    price: float
    persistence: float


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
        cls, settings: ExpertSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Switch":
        """Gates that are open, and a choice at random."""
        one, two = jax.random.split(key)
        hidden, experts = settings.gate_units, settings.experts
        watch = Perceptron.create((inputs, hidden, hidden, experts), key=one)
        gates = OPEN + FAINT * jax.random.normal(two, (experts, outputs, inputs))
        return cls(watch, gates, settings.price, settings.persistence)

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
        logits = SHARP * chosen(choice, self.gates)
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


class Experts(ClosedForm):
    """A model with a linear map for each expert, under the expert's graph.

    Attributes:
        switch: the experts' graphs, and the choice among them.
        maps: the linear map of each expert.
    """

    switch: Switch
    maps: Float[Array, "experts outputs inputs"]

    def regime(self, x: Inputs) -> Int[Array, " batch"]:
        """The number of each sample's expert."""
        return self.switch.regime(x)

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar:
        """The prices of open gates and of change."""
        return self.switch.penalty(x, truth, key)

    def graph(self, x: Inputs) -> Jacobians:
        """How likely each gate of the sample's expert is to be open."""
        return jax.nn.sigmoid(self.switch.open(x, None)[1])


def chosen(
    choice: Chances, values: Float[Array, "experts outputs inputs"]
) -> Float[Array, "batch outputs inputs"]:
    """Of each sample's expert, what each expert has."""
    return jnp.einsum("bk,kij->bij", choice, values)
