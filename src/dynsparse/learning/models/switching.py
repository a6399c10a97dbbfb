"""Experts with a graph each, one of which acts in each sample, and stays a while."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from dynsparse.learning.losses import Scalar, Truth
from dynsparse.learning.models.base import (
    Inputs,
    Jacobians,
    ModelSettings,
    Outputs,
    WorldModel,
)
from dynsparse.learning.models.per_output import PerOutput
from dynsparse.learning.models.switch import Switch


@dataclass(frozen=True)
class SwitchingSettings(ModelSettings):
    """A masked network for each output, and experts that mask it.

    Attributes:
        units, features: as ``MaskedSettings``.
        gate_units: of each of the two hidden layers that choose an expert.
        experts: how many there are.
        price: of an open gate, in the loss.
        persistence: the price of another expert in the next state.
    """

    units: int
    features: int
    gate_units: int
    experts: int
    price: float
    persistence: float


class Switching(WorldModel):
    """``PerOutput`` and a linear map of the expert's own, both under the expert's graph.

    Attributes:
        body: the networks, which all experts share.
        switch: the experts' graphs, and the choice among them.
        maps: the linear map of each expert.
    """

    Settings: ClassVar = SwitchingSettings

    body: PerOutput
    switch: Switch
    maps: Float[Array, "experts outputs inputs"]

    @classmethod
    def create(
        cls, settings: SwitchingSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Switching":
        """An untrained model, whose gates are likely to be open and whose maps are zero."""
        one, two = jax.random.split(key)
        body = PerOutput.create(settings.features, settings.units, inputs, outputs, key=one)
        switch = Switch.create(
            settings.experts,
            settings.gate_units,
            settings.price,
            settings.persistence,
            (outputs, inputs),
            key=two,
        )
        return cls(body, switch, jnp.zeros_like(switch.gates))

    def __call__(self, x: Inputs, key: PRNGKeyArray | None = None) -> Outputs:
        """The predicted next states."""
        return self.linearise(x, key)[0]

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians, in closed form, by the same expert."""
        choice, _, mask = self.switch.open(x, key)
        prediction, jacobian = self.body.linearise(x, mask)
        own = mask * jnp.einsum("bk,kij->bij", choice, self.maps)
        return prediction + jnp.einsum("bij,bj->bi", own, x), jacobian + own

    def regime(self, x: Inputs) -> Int[Array, " batch"]:
        """The number of each sample's expert."""
        return self.switch.regime(x)

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar:
        """The prices of open gates and of change."""
        return self.switch.penalty(x, truth, key)

    def graph(self, x: Inputs) -> Jacobians:
        """How likely each gate of the sample's expert is to be open."""
        return jax.nn.sigmoid(self.switch.open(x, None)[1])
