"""Experts with a graph each, one of which acts in each sample, and stays a while."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from dynsparse.learning.models.base import Inputs, Jacobians, Outputs
from dynsparse.learning.models.per_output import PerOutput
from dynsparse.learning.models.switch import Experts, ExpertSettings, Switch, chosen


@dataclass(frozen=True)
class SwitchingSettings(ExpertSettings):
    """A masked network for each output, and experts that mask it.

    Attributes:
        units, features: as ``MaskedSettings``.
    """

    units: int
    features: int


class Switching(Experts):
    """``PerOutput`` and a linear map of the expert's own, both under the expert's graph.

    Attributes:
        body: the networks, which all experts share.
    """

    Settings: ClassVar = SwitchingSettings

    body: PerOutput

    @classmethod
    def create(
        cls, settings: SwitchingSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Switching":
        """An untrained model, whose gates are likely to be open and whose maps are zero."""
        one, two = jax.random.split(key)
        body = PerOutput.create(settings.features, settings.units, inputs, outputs, key=one)
        switch = Switch.create(settings, inputs, outputs, key=two)
        return cls(switch, jnp.zeros_like(switch.gates), body)

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians, in closed form, by the same expert."""
        choice, _, mask = self.switch.open(x, key)
        prediction, jacobian = self.body.linearise(x, mask)
        own = mask * chosen(choice, self.maps)
        return prediction + jnp.einsum("bij,bj->bi", own, x), jacobian + own
