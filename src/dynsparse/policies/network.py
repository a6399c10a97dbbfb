"""The forward pass of a policy, without Brax."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from dynsparse.errors import DynsparseError
from dynsparse.policies.checkpoint import Policy

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "swish": jax.nn.swish,
    "tanh": jnp.tanh,
}

# The least standard deviation before the squashing, as in Brax's NormalTanhDistribution.
MINIMAL_STD = 1e-3

Key = PRNGKeyArray | UInt32[Array, "2"]
Observation = Float[Array, "*batch observation"]
Action = Float[Array, "*batch action"]


class PolicyParameters(NamedTuple):
    """The arrays of a policy, as an argument for compiled functions.

    An argument rather than a constant: policies of one shape then share one compilation.
    """

    mean: Float[Array, " observation"]
    std: Float[Array, " observation"]
    layers: tuple[tuple[Array, Array], ...]


def policy_parameters(policy: Policy) -> PolicyParameters:
    """A policy's arrays on the device, in JAX's precision at the time of the call."""
    arrays = (policy.mean, policy.std, policy.layers)
    dtype = jnp.zeros(()).dtype
    return PolicyParameters(*jax.tree.map(lambda array: jnp.asarray(array, dtype), arrays))


def policy_functions(
    activation: str,
) -> tuple[
    Callable[[PolicyParameters, Observation, Key], Action],
    Callable[[PolicyParameters, Observation, Key], Action],
]:
    """The stochastic and the deterministic policy with an activation between the layers.

    Both take ``(parameters, observation, key)``; the deterministic one ignores the key.

    Raises:
        DynsparseError: the activation is not in ``ACTIVATIONS``.
    """
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise DynsparseError(f"activation {activation!r} of a policy is not one of {known}")
    between = ACTIVATIONS[activation]

    def stochastic(parameters: PolicyParameters, observation: Observation, key: Key) -> Action:
        location, scale = distribution(parameters, observation, between)
        noise = jax.random.normal(key, location.shape, location.dtype)
        return jnp.tanh(noise * scale + location)

    def deterministic(parameters: PolicyParameters, observation: Observation, key: Key) -> Action:
        del key
        return jnp.tanh(distribution(parameters, observation, between)[0])

    return stochastic, deterministic


def distribution(
    parameters: PolicyParameters,
    observation: Observation,
    activation: Callable[[Array], Array],
) -> tuple[Action, Action]:
    """Location and scale of the normal distribution that tanh squashes into an action.

    Source: ``NormalTanhDistribution`` of Brax 0.14.2, ``brax/training/distribution.py``.
    """
    hidden = (observation - parameters.mean) / parameters.std
    *inner, (kernel, bias) = parameters.layers
    for inner_kernel, inner_bias in inner:
        hidden = activation(hidden @ inner_kernel + inner_bias)
    location, scale = jnp.split(hidden @ kernel + bias, 2, axis=-1)
    return location, jax.nn.softplus(scale) + MINIMAL_STD
