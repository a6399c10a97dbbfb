"""Training: all seeds at once, one compiled program for every epoch."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, UInt32

from dynsparse.learning.models import ARCHITECTURES, WorldModel
from dynsparse.learning.settings import TrainingSettings
from dynsparse.learning.training.losses import LOSSES, Guess, Truth


class Data(NamedTuple):
    """Normalised training samples, on the device once for all seeds."""

    inputs: Float[Array, "samples inputs"]
    next_state: Float[Array, "samples outputs"]
    jacobian: Float[Array, "samples outputs inputs"]
    zero: Bool[Array, "samples outputs inputs"]
    mask: Bool[Array, "samples outputs inputs"] | None = None


def facts_of(model: WorldModel, samples: Any) -> dict[str, Array]:
    """What a model is told of samples, which have ``Data``'s fields or more."""
    return {name: jnp.asarray(getattr(samples, name)) for name in model.privileged}


class Learner(eqx.Module):
    """One seed's model, its optimiser's state and its source of randomness.

    In what follows every leaf has a leading axis of seeds.
    """

    model: WorldModel
    optimiser: PyTree
    key: UInt32[Array, "*seeds 2"]


Epoch = Callable[[Learner, Data, int], tuple[Learner, Float[Array, " seeds"]]]


def over_seeds(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of one seed's first argument, for all seeds; other arguments are shared.

    ``vmap`` on accelerators. A CPU has no use for a batch of matrix products (XLA runs it slower
    than one product after the other), so the same program runs seed by seed there.
    """

    def mapped(first: Any, *shared: Any) -> Any:
        def one(seed: Any) -> Any:
            return function(seed, *shared)

        return jax.lax.map(one, first) if jax.default_backend() == "cpu" else jax.vmap(one)(first)

    return mapped


def create(
    settings: TrainingSettings, inputs: int, outputs: int, seeds: tuple[int, ...]
) -> Learner:
    """Untrained learners. A seed's weights, order of samples and dropout depend on it alone."""
    optimiser = _optimiser(settings, steps=1)  # its state is the same for any number
    architecture = ARCHITECTURES[settings.architecture]

    def one(seed: Int[Array, ""]) -> Learner:
        birth, life = jax.random.split(jax.random.key(seed))
        model = architecture.create(settings.model, inputs, outputs, key=birth)
        return Learner(model, optimiser.init(model), jax.random.key_data(life))

    return jax.vmap(one)(jnp.asarray(seeds))


def make_epoch(settings: TrainingSettings) -> Epoch:
    """A compiled function: one pass of every seed over the samples, each in its own order.

    It takes the learners, the samples and the epoch's number, and gives the learners afterwards
    and each seed's loss, averaged over the steps.
    """
    gradient_of = jax.value_and_grad(partial(_loss, settings))

    def one(learner: Learner, data: Data, number: Int[Array, ""]) -> tuple[Learner, Array]:
        key = jax.random.fold_in(jax.random.wrap_key_data(learner.key), number)
        order_key, dropout_key = jax.random.split(key)
        size = min(settings.batch, len(data.inputs))
        steps = len(data.inputs) // size
        optimiser = _optimiser(settings, steps)
        order = jax.random.permutation(order_key, len(data.inputs))[: steps * size]

        def step(carry: Any, batch: Any) -> Any:
            (model, memory), (rows, key) = carry, batch
            drawn = jax.tree.map(lambda values: values[rows], data)
            loss, gradient = gradient_of(model, drawn, key)
            updates, memory = optimiser.update(gradient, memory, model)
            return (eqx.apply_updates(model, updates), memory), loss

        batches = order.reshape(steps, size), jax.random.split(dropout_key, steps)
        (model, memory), losses = jax.lax.scan(step, (learner.model, learner.optimiser), batches)
        return Learner(model, memory, learner.key), losses.mean()

    return jax.jit(over_seeds(one))


def _loss(
    settings: TrainingSettings, model: WorldModel, samples: Data, key: PRNGKeyArray
) -> Float[Array, ""]:
    """A batch's loss. A loss that ignores the Jacobian costs none: the compiler drops it."""
    model = model.told(facts_of(model, samples))
    guess = Guess(*model.linearise(samples.inputs, key))
    truth = Truth(samples.next_state, samples.jacobian, samples.zero)
    loss = LOSSES[settings.loss](guess, truth, settings.loss_weight)
    own = model.penalty(samples.inputs, truth, key)
    return loss if own is None else loss + own


def _optimiser(settings: TrainingSettings, steps: int) -> optax.GradientTransformation:
    """AdamW, whose rate falls to nothing over the training: at a constant one no network settles.

    Args:
        settings: rate at the start, and epochs.
        steps: of an epoch.
    """
    rate = optax.cosine_decay_schedule(settings.learning_rate, settings.epochs * steps)
    return optax.adamw(rate, weight_decay=settings.weight_decay)
