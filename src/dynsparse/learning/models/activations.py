"""Activation functions together with their slopes, which the Jacobian of a network needs."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Units = Float[Array, "*any"]


def elu(z: Units) -> tuple[Units, Units]:
    """Exponential linear unit and its slope (Clevert, Unterthiner and Hochreiter 2015).

    The slope is the value plus one where the unit is negative: no second exponential.
    """
    value = jax.nn.elu(z)
    return value, jnp.where(z > 0, 1.0, value + 1.0)


def leaky_relu(z: Units) -> tuple[Units, Units]:
    """Leaky rectified linear unit and its slope."""
    return jax.nn.leaky_relu(z), jnp.where(z >= 0, 1.0, 0.01)


ACTIVATIONS: dict[str, Callable[[Units], tuple[Units, Units]]] = {
    "elu": elu,
    "leaky_relu": leaky_relu,
}
