"""A network whose mask is given: what is knowing the graph worth?"""

from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynsparse.learning.models.base import (
    ClosedForm,
    Facts,
    Inputs,
    Jacobians,
    MaskRecipe,
    ModelSettings,
    Outputs,
)
from dynsparse.learning.models.per_output import Mask, PerOutput


@dataclass(frozen=True)
class MaskedSettings(ModelSettings):
    """A masked network for each output.

    Attributes:
        units: of each hidden layer of each output.
        features: of each input.
        mask: a name in ``masks.MASKS``.
        miss, false_alarm: as ``MaskRecipe``.
        shut: whether what the mask closes is closed.
        bits: whether the hidden layer is told the mask.
    """

    units: int
    features: int
    mask: str
    miss: float
    false_alarm: float
    shut: bool
    bits: bool

    def recipe(self) -> MaskRecipe:
        """The mask that is made for its samples."""
        return MaskRecipe(self.mask, self.miss, self.false_alarm)


class Masked(ClosedForm):
    """``PerOutput`` under the mask that each sample comes with.

    ``shut`` and ``bits`` tell structure from information: a mask that is shut but not told, told
    but not shut, both or neither.

    Attributes:
        body: the networks.
        bit: what an output's first layer makes of its own row of the mask.
        mask: that of the batch, once it is told.
        shut, bits: as the settings.
    """

    Settings: ClassVar = MaskedSettings
    privileged: ClassVar = ("mask",)

    body: PerOutput
    bit: Float[Array, "outputs units inputs"]
    shut: bool = eqx.field(static=True)
    bits: bool = eqx.field(static=True)
    mask: Mask | None = None

    @classmethod
    def create(
        cls, settings: MaskedSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "Masked":
        """An untrained model; bits weigh nothing at first."""
        body = PerOutput.create(settings.features, settings.units, inputs, outputs, key=key)
        bit = jnp.zeros((outputs, settings.units, inputs))
        return cls(body, bit, settings.shut, settings.bits)

    def told(self, facts: Facts) -> "Masked":
        """The model under the masks of a batch."""
        mask = facts["mask"].astype(self.body.skip.dtype)
        return eqx.tree_at(lambda m: m.mask, self, mask, is_leaf=lambda leaf: leaf is None)

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians, in closed form."""
        assert self.mask is not None, "the mask has to be told"
        told = jnp.einsum("bij,iuj->biu", self.mask, self.bit) if self.bits else None
        return self.body.linearise(x, self.mask if self.shut else None, told)

    def graph(self, x: Inputs) -> Jacobians:
        """The mask; without effect, all is open."""
        assert self.mask is not None, "the mask has to be told"
        return self.mask if self.shut else jnp.ones_like(self.mask)
