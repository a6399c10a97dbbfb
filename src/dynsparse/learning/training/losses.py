"""What a world model is trained on (paper, section 5.4): losses, one function each.

Five are the paper's; ``state_jacobian_l2_regularizer`` is ours.

Everything is in normalised units. A loss takes a batch's predictions and truths and gives one
number; ``weight`` multiplies its Jacobian term. Means are over samples and elements.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Scalar = Float[Array, ""]


class Truth(NamedTuple):
    """What the simulator did: next states, Jacobians, and which of their elements are zero."""

    next_state: Float[Array, "batch outputs"]
    jacobian: Float[Array, "batch outputs inputs"]
    zero: Bool[Array, "batch outputs inputs"]


class Guess(NamedTuple):
    """What the model says: next states and Jacobians."""

    next_state: Float[Array, "batch outputs"]
    jacobian: Float[Array, "batch outputs inputs"]


def state(guess: Guess, truth: Truth, weight: float) -> Scalar:
    """Mean squared error of the next state. It has no Jacobian term to be weighted."""
    return jnp.mean((guess.next_state - truth.next_state) ** 2)


def state_jacobian(guess: Guess, truth: Truth, weight: float) -> Scalar:
    """``state`` and the mean squared error of the Jacobian."""
    error = jnp.mean((guess.jacobian - truth.jacobian) ** 2)
    return state(guess, truth, weight) + weight * error


def state_jacobian_l1(guess: Guess, truth: Truth, weight: float) -> Scalar:
    """``state`` and the mean absolute error of the Jacobian."""
    error = jnp.mean(jnp.abs(guess.jacobian - truth.jacobian))
    return state(guess, truth, weight) + weight * error


def state_jacobian_l1_regularizer(guess: Guess, truth: Truth, weight: float) -> Scalar:
    """``state`` and the mean size of the model's own Jacobian; the true one is not used."""
    return state(guess, truth, weight) + weight * jnp.mean(jnp.abs(guess.jacobian))


def state_jacobian_l2_regularizer(guess: Guess, truth: Truth, weight: float) -> Scalar:
    """``state`` and the mean square of the model's own Jacobian; the true one is not used.

    The control of ``state_jacobian_l1_regularizer``: it makes a model as smooth, and prefers no
    zeros (Hoffman, Roberts and Yaida 2019, "Robust Learning with Jacobian Regularization").
    """
    return state(guess, truth, weight) + weight * jnp.mean(guess.jacobian**2)


def state_jacobian_l1_sparse_only(guess: Guess, truth: Truth, weight: float) -> Scalar:
    """``state`` and the mean size of the model's Jacobian where the true one is zero."""
    zeros = jnp.maximum(truth.zero.sum(), 1)
    size = jnp.sum(jnp.abs(guess.jacobian) * truth.zero) / zeros
    return state(guess, truth, weight) + weight * size


LOSSES: dict[str, Callable[[Guess, Truth, float], Scalar]] = {
    "state": state,
    "state-jacobian": state_jacobian,
    "state-jacobian-l1": state_jacobian_l1,
    "state-jacobian-l1-regularizer": state_jacobian_l1_regularizer,
    "state-jacobian-l1-sparse-only": state_jacobian_l1_sparse_only,
    "state-jacobian-l2-regularizer": state_jacobian_l2_regularizer,
}
