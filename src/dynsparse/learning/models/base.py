"""What a world model is to the rest of the room."""

import abc
from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

Inputs = Float[Array, "batch inputs"]
Outputs = Float[Array, "batch outputs"]
Jacobians = Float[Array, "batch outputs inputs"]


@dataclass(frozen=True)
class ModelSettings:
    """What an architecture lets its users choose; each has a class of its own."""


class WorldModel(eqx.Module):
    """A map from normalised (state, action) to the normalised next state, batch by batch.

    All its leaves are arrays to be trained. With a ``key`` the model is in training, and whatever
    is random in it depends on that key alone; without, it is deterministic.
    """

    Settings: ClassVar[type[ModelSettings]]

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

        By general reverse differentiation; an architecture that knows a cheaper way overrides it.
        Samples must not influence each other: the gradient of an output's sum over the batch
        is then that output's gradient in every sample.
        """
        prediction, pull = jax.vjp(lambda inputs: self(inputs, key), x)
        outputs = prediction.shape[1]
        seeds = jnp.broadcast_to(
            jnp.eye(outputs, dtype=x.dtype)[:, None, :], (outputs, *prediction.shape)
        )
        (rows,) = jax.vmap(pull)(seeds)
        return prediction, jnp.moveaxis(rows, 0, 1)
