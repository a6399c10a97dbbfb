"""Gates that all samples of a code share: a few graphs (FCDL; Hwang et al., ICML 2024)."""

from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from dynsparse.learning.models.base import (
    ClosedForm,
    Inputs,
    Jacobians,
    ModelSettings,
    Outputs,
)
from dynsparse.learning.models.gates import (
    FAINT,
    OPEN,
    SHARP,
    Perceptron,
    choose,
    gate,
    openness,
)
from dynsparse.learning.models.per_output import PerOutput
from dynsparse.learning.training.losses import Scalar, Truth

Chances = Float[Array, "batch codes"]


@dataclass(frozen=True)
class QuantisedSettings(ModelSettings):
    """A masked network for each output, and a book of masks.

    Attributes:
        units, features, gate_units, price: as ``GatedSettings``.
        codes: how many graphs there may be.
        code_size: numbers in a code.
    """

    units: int
    features: int
    gate_units: int
    price: float
    codes: int
    code_size: int


class Quantised(ClosedForm):
    """``PerOutput`` under the graph of the code that is nearest to the sample's encoding.

    Beside the original: the code is drawn in training, nearer ones more often, and learns by the
    slope of its chances. To pass an encoding's slope straight through its code, held to it by a
    commitment, hardly made codes differ in their graphs. Codes become graphs by a linear map.

    Attributes:
        body: the networks.
        encode: gives a sample's encoding.
        decode: gives a code's gates.
        book: the codes.
        price: as the settings.
    """

    Settings: ClassVar = QuantisedSettings

    body: PerOutput
    encode: Perceptron
    decode: Perceptron
    book: Float[Array, "codes size"]
    price: float = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: QuantisedSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Quantised":
        """An untrained model, whose codes are encodings of normal inputs."""
        one, two, three, four = jax.random.split(key, 4)
        body = PerOutput.create(settings.features, settings.units, inputs, outputs, key=one)
        hidden, size = settings.gate_units, settings.code_size
        encode = Perceptron.create((inputs, hidden, hidden, size), key=two)
        decode = Perceptron.create((size, outputs * inputs), OPEN, FAINT, key=three)
        book = encode(jax.random.normal(four, (settings.codes, inputs)))
        return cls(body, encode, decode, book, settings.price)

    def regime(self, x: Inputs) -> Int[Array, " batch"]:
        """The number of each sample's code."""
        return self._nearness(x).argmax(axis=1)

    def logits(self, x: Inputs, key: PRNGKeyArray | None = None) -> Jacobians:
        """How open each gate of the sample's code is: the logarithm of the odds."""
        codes = self.decode(self.book)
        said = choose(self._nearness(x), key) @ codes
        return said.reshape(len(x), len(self.body.skip), x.shape[1])

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians, in closed form, under the same gates."""
        one, two = (None, None) if key is None else jax.random.split(key)
        return self.body.linearise(x, gate(self.logits(x, one), two))

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar:
        """The price of open gates."""
        return self.price * openness(self.logits(x, jax.random.split(key)[0]))

    def graph(self, x: Inputs) -> Jacobians:
        """How likely each gate is to be open."""
        return jax.nn.sigmoid(self.logits(x))

    def _nearness(self, x: Inputs) -> Chances:
        """How near each code is to the sample's encoding: minus the mean square between them."""
        encoding = self.encode(jax.lax.stop_gradient(x))
        return -SHARP * ((encoding[:, None] - self.book) ** 2).mean(axis=2)
