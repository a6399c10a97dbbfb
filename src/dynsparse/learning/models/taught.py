"""Gates that are taught the true graph of training samples, and see no truth in tests."""

from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from dynsparse.learning.losses import Scalar, Truth
from dynsparse.learning.models.base import ClosedForm, Inputs, Jacobians, ModelSettings, Outputs
from dynsparse.learning.models.gates import FAINT, OPEN, Perceptron, gate
from dynsparse.learning.models.per_output import PerOutput


@dataclass(frozen=True)
class TaughtSettings(ModelSettings):
    """A masked network for each output, and a network that makes the masks.

    Attributes:
        units, features: as ``MaskedSettings``.
        gate_units: of each of the two hidden layers that gates come from.
        price: of what gates have wrong, in the loss.
    """

    units: int
    features: int
    gate_units: int
    price: float


class Taught(ClosedForm):
    """``PerOutput`` under a classifier of the zeros, which learns from the true ones alone.

    It says what a learned mask is worth that was given all that there is to know.

    Attributes:
        body: the networks.
        watch: says how open each gate is.
        price: as the settings.
    """

    Settings: ClassVar = TaughtSettings

    body: PerOutput
    watch: Perceptron
    price: float = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: TaughtSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Taught":
        """An untrained model whose gates are likely to be open."""
        one, two = jax.random.split(key)
        body = PerOutput.create(settings.features, settings.units, inputs, outputs, key=one)
        sizes = (inputs, settings.gate_units, settings.gate_units, outputs * inputs)
        return cls(body, Perceptron.create(sizes, OPEN, FAINT, key=two), settings.price)

    def logits(self, x: Inputs) -> Jacobians:
        """How open each gate is: the logarithm of the odds."""
        said = self.watch(jax.lax.stop_gradient(x))
        return said.reshape(len(x), len(self.body.skip), x.shape[1])

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians; gates are not drawn, and not moved by predictions."""
        return self.body.linearise(x, gate(jax.lax.stop_gradient(self.logits(x)), None))

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar:
        """The cross entropy of gates and true zeros, times the price."""
        logits = self.logits(x)
        wrong = jnp.where(truth.zero, jax.nn.softplus(logits), jax.nn.softplus(-logits))
        return self.price * jnp.mean(wrong)

    def graph(self, x: Inputs) -> Jacobians:
        """How likely each gate is to be open."""
        return jax.nn.sigmoid(self.logits(x))
