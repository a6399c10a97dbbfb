"""Linear maps, one of which acts in each sample: the cheap baseline of ``switching``."""

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
from dynsparse.learning.models.switch import Switch


@dataclass(frozen=True)
class PiecewiseSettings(ModelSettings):
    """Experts that are linear maps.

    Attributes:
        gate_units, experts, price, persistence: as ``SwitchingSettings``.
    """

    gate_units: int
    experts: int
    price: float
    persistence: float


class Piecewise(WorldModel):
    """A piecewise affine map: its Jacobian is that of the sample's expert.

    Attributes:
        switch: the experts' graphs, and the choice among them.
        maps, shifts: the affine map of each expert.
    """

    Settings: ClassVar = PiecewiseSettings

    switch: Switch
    maps: Float[Array, "experts outputs inputs"]
    shifts: Float[Array, "experts outputs"]

    @classmethod
    def create(
        cls, settings: PiecewiseSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Piecewise":
        """An untrained model: nothing changes, and gates are likely to be open."""
        switch = Switch.create(
            settings.experts,
            settings.gate_units,
            settings.price,
            settings.persistence,
            (outputs, inputs),
            key=key,
        )
        maps = jnp.zeros_like(switch.gates) + jnp.eye(outputs, inputs)
        return cls(switch, maps, jnp.zeros((settings.experts, outputs)))

    def __call__(self, x: Inputs, key: PRNGKeyArray | None = None) -> Outputs:
        """The predicted next states."""
        return self.linearise(x, key)[0]

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians, by the same expert."""
        choice, _, mask = self.switch.open(x, key)
        jacobian = mask * jnp.einsum("bk,kij->bij", choice, self.maps)
        return jnp.einsum("bij,bj->bi", jacobian, x) + choice @ self.shifts, jacobian

    def regime(self, x: Inputs) -> Int[Array, " batch"]:
        """The number of each sample's expert."""
        return self.switch.regime(x)

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar:
        """The prices of open gates and of change."""
        return self.switch.penalty(x, truth, key)

    def graph(self, x: Inputs) -> Jacobians:
        """How likely each gate of the sample's expert is to be open."""
        return jax.nn.sigmoid(self.switch.open(x, None)[1])
