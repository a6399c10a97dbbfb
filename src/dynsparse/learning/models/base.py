"""What a world model is to the rest of the room."""

import abc
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from dynsparse.learning.training.losses import Scalar, Truth

Inputs = Float[Array, "batch inputs"]
Outputs = Float[Array, "batch outputs"]
Jacobians = Float[Array, "batch outputs inputs"]
Facts = Mapping[str, Array]


class MaskRecipe(NamedTuple):
    """The mask that a learner is told, by name, and the shares of it that are made wrong.

    Attributes:
        name: in ``masks.MASKS``.
        miss: the share of open elements that are closed.
        false_alarm: the share of closed elements that are opened.
    """

    name: str
    miss: float
    false_alarm: float


@dataclass(frozen=True)
class ModelSettings:
    """What an architecture lets its users choose; each has a class of its own.

    A field with a default is no choice, but what is known of the environment.
    """

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The names of what users choose: those of the configuration."""
        return tuple(f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING)

    def knowing(self, environment: str) -> "ModelSettings":
        """These settings with what the architecture needs to know of an environment.

        Raises:
            DynsparseError: there is no such environment, or not of the kind that is needed.
        """
        return self

    def recalling(self, kept: Mapping[str, Any]) -> "ModelSettings":
        """These settings with what was known of the environment when a checkpoint was made.

        Args:
            kept: what ``dataclasses.asdict`` makes of the settings, as JSON has it.

        Raises:
            KeyError: that is missing.
        """
        return self

    def recipe(self) -> MaskRecipe | None:
        """The mask that is made for its samples; None: none."""
        return None


class WorldModel(eqx.Module):
    """A map from normalised (state, action) to the normalised next state, batch by batch.

    All its leaves are arrays to be trained. With a ``key`` the model is in training, and whatever
    is random in it depends on that key alone; without, it is deterministic. Samples must not
    influence each other.

    An architecture says how it is created and how it predicts; all else it may leave as it is.

    Attributes:
        Settings: the class of its settings; their names are those of the configuration.
        privileged: what it is told of each sample beside state and action, in training and in
            tests: names of fields of ``training.Data``. Its scores are no network's own merit.
    """

    Settings: ClassVar[type[ModelSettings]]
    privileged: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abc.abstractmethod
    def create(cls, settings: Any, inputs: int, outputs: int, *, key: PRNGKeyArray) -> "WorldModel":
        """An untrained model.

        Args:
            settings: of the class's ``Settings``.
            inputs, outputs: the dimensions of state and action together, and of the state.
            key: what is random in it depends on the key alone. All seeds are made at once, by
                ``vmap`` over it.
        """

    @abc.abstractmethod
    def __call__(self, x: Inputs, key: PRNGKeyArray | None = None) -> Outputs:
        """The predicted next states."""

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians, for one and the same draw of what is random.

        By forward differentiation; an architecture that knows a cheaper way overrides it. A step
        of one input in all samples at once moves each sample's prediction by its own derivative.
        """
        prediction, push = jax.linearize(lambda inputs: self(inputs, key), x)
        steps = jnp.broadcast_to(
            jnp.eye(x.shape[1], dtype=x.dtype)[:, None, :], (x.shape[1], *x.shape)
        )
        return prediction, jnp.moveaxis(jax.vmap(push)(steps), 0, 2)

    def told(self, facts: Facts) -> "WorldModel":
        """The model that knows the facts of a batch, for predictions of this batch alone.

        Args:
            facts: an array for each name in ``privileged``, samples first.
        """
        return self

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar | None:
        """A term of its own in the training's loss, weighted by its own settings; None: none.

        ``key`` is that of the batch's prediction, so that gates can be drawn alike. The truth is of
        the training samples: a model may learn from it without being told of it in tests.
        """
        return None

    def graph(self, x: Inputs) -> Jacobians:
        """How sure the model's gates are that an input influences an output: from 0 to 1.

        An architecture that does not say has no graph but that of its Jacobian.
        """
        raise NotImplementedError

    def regime(self, x: Inputs) -> Int[Array, " batch"]:
        """The number of the regime that each sample is in, for models that have regimes."""
        raise NotImplementedError

    @classmethod
    def has_graph(cls) -> bool:
        """Whether the architecture has a graph of its own."""
        return cls.graph is not WorldModel.graph

    @classmethod
    def has_regimes(cls) -> bool:
        """Whether the architecture has regimes."""
        return cls.regime is not WorldModel.regime


class ClosedForm(WorldModel):
    """A model that gets predictions and Jacobians from one ``linearise`` of its own."""

    def __call__(self, x: Inputs, key: PRNGKeyArray | None = None) -> Outputs:
        """The predicted next states."""
        return self.linearise(x, key)[0]

    @abc.abstractmethod
    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians, in closed form."""
