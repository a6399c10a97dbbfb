"""Linear maps, one of which acts in each sample: the cheap baseline of ``switching``."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynsparse.learning.models.base import Inputs, Jacobians, Outputs
from dynsparse.learning.models.switch import Experts, ExpertSettings, Switch, chosen


class Piecewise(Experts):
    """A piecewise affine map: its Jacobian is that of the sample's expert.

    Attributes:
        shifts: the constant of each expert's affine map.
    """

    Settings: ClassVar = ExpertSettings

    shifts: Float[Array, "experts outputs"]

    @classmethod
    def create(
        cls, settings: ExpertSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Piecewise":
        """An untrained model: nothing changes, and gates are likely to be open."""
        switch = Switch.create(settings, inputs, outputs, key=key)
        maps = jnp.zeros_like(switch.gates) + jnp.eye(outputs, inputs)
        return cls(switch, maps, jnp.zeros((settings.experts, outputs)))

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians, by the same expert."""
        choice, _, mask = self.switch.open(x, key)
        jacobian = mask * chosen(choice, self.maps)
        return jnp.einsum("bij,bj->bi", jacobian, x) + choice @ self.shifts, jacobian
