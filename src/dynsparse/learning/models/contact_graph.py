"""Parts of the model's mechanism, and gates on the links that constraints may tie them by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynsparse.learning.models.activations import elu
from dynsparse.learning.models.base import Inputs, Jacobians, ModelSettings, Outputs, WorldModel
from dynsparse.learning.models.gates import FAINT, OPEN, Perceptron, gate
from dynsparse.learning.training.losses import Scalar, Truth
from dynsparse.sparsity.links import Incidence, Linkage, incidence, reached

Gates = Float[Array, "batch links"]
Messages = Float[Array, "batch parts size"]


@dataclass(frozen=True)
class ContactGraphSettings(ModelSettings):
    """A perceptron for each part, which hears of others through open links.

    Attributes:
        units: of each hidden layer, of parts and of gates.
        sent: numbers in a message.
        price: of an open gate, in the loss.
        linkage: the environment's parts and links, once it is known.
    """

    units: int
    sent: int
    price: float
    linkage: Linkage | None = None

    def knowing(self, environment: str) -> "ContactGraphSettings":
        """These settings with the linkage of an environment."""
        # Simulators are slow to import, and no other architecture needs them.
        from dynsparse.environments.structures import environment_links

        return replace(self, linkage=environment_links(environment))

    def recalling(self, kept: Mapping[str, Any]) -> "ContactGraphSettings":
        """These settings with the linkage that a checkpoint keeps."""
        return replace(self, linkage=Linkage.from_plain(kept["linkage"]))


class ContactGraph(WorldModel):
    """What a part becomes depends on itself, and on what open links tell it.

    A gate looks at what tells whether its link is open, without the derivative. Messages are linear
    in what they tell, and bent by the part that hears them alone: through a perceptron they could
    be nought where nothing touches, and no gate would close.

    Attributes:
        watch: says how open each gate is; one for each link.
        see: what a part makes of its own columns.
        tell: what a part sends of them.
        carry: what a link sends of its columns.
        relay: what a part sends of what it has heard.
        first_bias, second, second_bias: the perceptron of each part.
        last: of each output.
        hear, bend: what an output makes of what its part hears, as it is and as the part is.
        direct, bias: an output's linear map beside it, of its own and its part's columns.
        linkage, price: as the settings.
    """

    Settings: ClassVar = ContactGraphSettings

    watch: Perceptron
    see: Float[Array, "parts units inputs"]
    tell: Float[Array, "parts size inputs"]
    carry: Float[Array, "links size inputs"]
    relay: Float[Array, "parts size size"]
    first_bias: Float[Array, "parts units"]
    second: Float[Array, "parts units units"]
    second_bias: Float[Array, "parts units"]
    last: Float[Array, "outputs units"]
    hear: Float[Array, "outputs size"]
    bend: Float[Array, "outputs size units"]
    direct: Float[Array, "outputs inputs"]
    bias: Float[Array, " outputs"]
    linkage: Linkage = eqx.field(static=True)
    price: float = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: ContactGraphSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> "ContactGraph":
        """An untrained model whose gates are likely to be open, near "nothing changes".

        Raises:
            ValueError: the linkage has not as many inputs and outputs.
        """
        linkage = settings.linkage
        assert linkage is not None, "the environment has to be known"
        if (linkage.inputs, linkage.outputs) != (inputs, outputs):
            raise ValueError("the linkage is of another environment")
        units, sent = settings.units, settings.sent
        parts, links = len(linkage.parts), len(linkage.links)
        keys = iter(jax.random.split(key, 8))

        def normal(*shape: int, gain: float = 2.0) -> Array:
            return jax.random.normal(next(keys), shape) * math.sqrt(gain / shape[-1])

        sizes = (inputs, units, 1)
        return cls(
            watch=jax.vmap(lambda k: Perceptron.create(sizes, OPEN, FAINT, key=k))(
                jax.random.split(next(keys), links)
            ),
            see=normal(parts, units, inputs),
            tell=normal(parts, sent, inputs, gain=1.0),
            carry=normal(links, sent, inputs, gain=1.0),
            relay=normal(parts, sent, sent, gain=1.0),
            first_bias=jnp.zeros((parts, units)),
            second=normal(parts, units, units),
            second_bias=jnp.zeros((parts, units)),
            last=normal(outputs, units) * FAINT,
            hear=normal(outputs, sent) * FAINT,
            bend=jnp.zeros((outputs, sent, units)),
            direct=jnp.eye(outputs, inputs),
            bias=jnp.zeros(outputs),
            linkage=linkage,
            price=settings.price,
        )

    def __call__(self, x: Inputs, key: PRNGKeyArray | None = None) -> Outputs:
        """The predicted next states."""
        of = incidence(self.linkage)
        part = of.rows.argmax(axis=1)
        one, _ = elu(_each(self.see * of.columns[:, None], x) + self.first_bias)
        two, _ = elu(jnp.einsum("pvu,bpu->bpv", self.second, one) + self.second_bias)
        mine = two[:, part]
        heard = self._heard(x, gate(self.logits(x), key), of)[:, part]
        ear = self.hear + jnp.einsum("osu,bou->bos", self.bend, mine)
        straight = x @ (self.direct * (of.own | of.columns[part])).T
        return straight + self.bias + (mine * self.last).sum(axis=2) + (ear * heard).sum(axis=2)

    def logits(self, x: Inputs) -> Gates:
        """How open each link is: the logarithm of the odds."""
        seen = jax.lax.stop_gradient(x) * incidence(self.linkage).seen[:, None]
        return jax.vmap(lambda watch, each: watch(each)[:, 0], out_axes=1)(self.watch, seen)

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar | None:
        """The price of open gates, by the mean chance that one is open."""
        if not self.linkage.links:
            return None
        return self.price * jax.nn.sigmoid(self.logits(x)).mean()

    def graph(self, x: Inputs) -> Jacobians:
        """How likely the least likely link is to be open, on the best way from input to output."""
        return reached(self.linkage, jax.nn.sigmoid(self.logits(x)))

    def _heard(self, x: Inputs, gates: Gates, of: Incidence) -> Messages:
        """What each part hears, over as many links as any way may have."""
        own = _each(self.tell * of.columns[:, None], x)
        along = _each(self.carry * of.felt[:, None], x)
        ends = of.ends.astype(x.dtype)
        heard = jnp.zeros_like(own)
        for _ in range(min(max(len(self.linkage.parts) - 1, 1), len(self.linkage.links))):
            sent = own + jnp.einsum("pts,bps->bpt", self.relay, heard)
            open_now = gates[..., None] * (along + jnp.einsum("lp,bps->bls", ends, sent))
            heard = jnp.einsum("lp,bls->bps", ends, open_now)
        return heard


def _each(maps: Float[Array, "some size inputs"], x: Inputs) -> Float[Array, "batch some size"]:
    """Several linear maps, as one product of matrices."""
    return (x @ maps.reshape(-1, x.shape[1]).T).reshape(len(x), *maps.shape[:2])
