"""Gates on every input of every output, for each sample (NCD; Hwang et al., CLeaR 2023)."""

from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from dynsparse.learning.models.base import ClosedForm, Inputs, Jacobians, ModelSettings, Outputs
from dynsparse.learning.models.gates import FAINT, OPEN, Perceptron, gate, openness
from dynsparse.learning.models.per_output import PerOutput
from dynsparse.learning.training.losses import Scalar, Truth


@dataclass(frozen=True)
class GatedSettings(ModelSettings):
    """A masked network for each output, and a network that makes the masks.

    Attributes:
        units, features: as ``MaskedSettings``.
        gate_units: of each of the two hidden layers that gates come from.
        price: of an open gate, in the loss.
    """

    units: int
    features: int
    gate_units: int
    price: float


class Gated(ClosedForm):
    """``PerOutput`` under gates that look at the whole sample.

    No gate is forced open or shut. Beside the original: layer in place of batch normalisation, and
    gates that see the sample without its derivative.

    Attributes:
        body: the networks.
        watch: says how open each gate is.
        price: as the settings.
    """

    Settings: ClassVar = GatedSettings

    body: PerOutput
    watch: Perceptron
    price: float = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: GatedSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Gated":
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
        """Predictions and their Jacobians, in closed form, under the same gates."""
        return self.body.linearise(x, gate(self.logits(x), key))

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar:
        """The price of open gates."""
        return self.price * openness(self.logits(x))

    def graph(self, x: Inputs) -> Jacobians:
        """How likely each gate is to be open."""
        return jax.nn.sigmoid(self.logits(x))
