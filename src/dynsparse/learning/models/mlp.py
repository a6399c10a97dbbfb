"""The paper's network: a multilayer perceptron with dropout (section 5.4)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from dynsparse.learning.models.activations import ACTIVATIONS
from dynsparse.learning.models.base import (
    Inputs,
    Jacobians,
    ModelSettings,
    Outputs,
    WorldModel,
)

Slopes = list[Float[Array, "batch width"]]


@dataclass(frozen=True)
class MLPSettings(ModelSettings):
    """A multilayer perceptron.

    Attributes:
        depth: number of hidden layers.
        width: units of each hidden layer.
        activation: a name in ``activations.ACTIVATIONS``.
        dropout: the share of hidden units that is switched off for a training sample.
    """

    depth: int
    width: int
    activation: str
    dropout: float


class MLP(WorldModel):
    """Hidden layers of equal width, if any, and a linear layer on top.

    Attributes:
        weights: (outputs, inputs) of each layer, the first acting first.
        biases: one vector for each layer.
        activation: a name in ``ACTIVATIONS``.
        dropout: the share of hidden units switched off in training; the others grow to make up.
    """

    Settings: ClassVar = MLPSettings

    weights: tuple[Float[Array, "_ _"], ...]
    biases: tuple[Float[Array, " _"], ...]
    activation: str = eqx.field(static=True)
    dropout: float = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: MLPSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "MLP":
        """Kaiming-normal weights (variance 2 / inputs of the layer; He et al. 2015), no biases."""
        sizes = [inputs, *[settings.width] * settings.depth, outputs]
        keys = jax.random.split(key, len(sizes) - 1)
        weights = tuple(
            jax.random.normal(k, (rows, columns)) * math.sqrt(2 / columns)
            for k, rows, columns in zip(keys, sizes[1:], sizes[:-1], strict=True)
        )
        biases = tuple(jnp.zeros(len(weight)) for weight in weights)
        return cls(weights, biases, settings.activation, settings.dropout)

    def __call__(self, x: Inputs, key: PRNGKeyArray | None = None) -> Outputs:
        """The predicted next states."""
        return self._run(x, key)[0]

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians W_n D_n ... W_2 D_1 W_1, under the same dropout.

        D_k is the diagonal matrix of the slopes of layer k's units in this sample, dropout
        included. The product is built up from its narrower end: from the outputs, if these are
        not more than the inputs.
        """
        prediction, slopes = self._run(x, key)
        inputs, outputs = self.weights[0].shape[1], self.weights[-1].shape[0]
        if outputs <= inputs:
            return prediction, _product(len(x), self.weights[::-1], slopes[::-1])
        transposed = tuple(weight.T for weight in self.weights)
        return prediction, jnp.swapaxes(_product(len(x), transposed, slopes), 1, 2)

    def _run(self, x: Inputs, key: PRNGKeyArray | None) -> tuple[Outputs, Slopes]:
        """Predictions, and the slope of every hidden unit."""
        activate, kept = ACTIVATIONS[self.activation], self._kept(key, len(x))
        hidden, slopes = x, []
        for number, (weight, bias) in enumerate(
            zip(self.weights[:-1], self.biases[:-1], strict=True)
        ):
            hidden, slope = activate(hidden @ weight.T + bias)
            if kept is not None:
                gain = kept[number] / (1 - self.dropout)
                hidden, slope = hidden * gain, slope * gain
            slopes.append(slope)
        return hidden @ self.weights[-1].T + self.biases[-1], slopes

    def _kept(
        self, key: PRNGKeyArray | None, samples: int
    ) -> Bool[Array, "layers samples width"] | None:
        """Which hidden units dropout leaves on, in one draw for all layers; None: all."""
        hidden = len(self.weights) - 1
        if key is None or self.dropout == 0 or hidden == 0:
            return None
        shape = hidden, samples, len(self.weights[0])
        return jax.random.bernoulli(key, 1 - self.dropout, shape)


def _product(samples: int, matrices: tuple[Float[Array, "_ _"], ...], slopes: Slopes) -> Jacobians:
    """M_1 D_1 M_2 D_2 ... M_n for every sample, from left to right.

    Each step is one product of a tall matrix, (samples x rows of M_1) high; as such it is written,
    since XLA differentiates a product of three axes into slower ones.
    """
    rows = len(matrices[0])
    product = jnp.broadcast_to(matrices[0], (samples, *matrices[0].shape))
    for slope, matrix in zip(slopes, matrices[1:], strict=True):
        tall = (product * slope[:, None, :]).reshape(samples * rows, -1) @ matrix
        product = tall.reshape(samples, rows, -1)
    return product
