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
from dynsparse.programs import on_cpu


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


Epoch = Callable[[Learner, Data, int, int], tuple[Learner, Float[Array, " seeds"]]]
Create = Callable[[int, int, tuple[int, ...]], Learner]
# What XLA is told of a network's programs on a CPU. They run as fast as at its highest level, and
# are compiled in two thirds of the time.
LIGHTLY = {"xla_backend_optimization_level": 1}


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


def compiled(function: Callable[..., Any], *static: int) -> Callable[..., Any]:
    """``function``, compiled as suits networks on this device; ``static`` arguments by position."""
    return jax.jit(function, static_argnums=static, compiler_options=on_cpu(LIGHTLY))


def create(
    settings: TrainingSettings, inputs: int, outputs: int, seeds: tuple[int, ...]
) -> Learner:
    """Untrained learners. A seed's weights, order of samples and dropout depend on it alone."""
    return make_create(settings)(inputs, outputs, seeds)


def make_create(settings: TrainingSettings) -> Create:
    """``create`` of these settings, compiled once."""
    program = compiled(partial(_create, settings), 0, 1)
    return lambda inputs, outputs, seeds: program(inputs, outputs, jnp.asarray(seeds))


def outline(
    settings: TrainingSettings, inputs: int, outputs: int, seeds: tuple[int, ...]
) -> Learner:
    """The shapes of what ``create`` gives, for weights that are read from a file."""
    learner: Learner = jax.eval_shape(
        partial(_create, settings, inputs, outputs), jnp.asarray(seeds)
    )
    return learner


def _create(
    settings: TrainingSettings, inputs: int, outputs: int, seeds: Int[Array, " seeds"]
) -> Learner:
    optimiser = _optimiser(settings, steps=1)  # its state is the same for any number
    architecture = ARCHITECTURES[settings.architecture]

    def one(seed: Int[Array, ""]) -> Learner:
        birth, life = jax.random.split(jax.random.key(seed))
        model = architecture.create(settings.model, inputs, outputs, key=birth)
        return Learner(model, optimiser.init(model), jax.random.key_data(life))

    return jax.vmap(one)(seeds)


def make_epoch(settings: TrainingSettings) -> Epoch:
    """A compiled function: one pass of every seed over the samples, each in its own order.

    It takes the learners, the samples, the epoch's number, and how many of the samples, from the
    first, are trained on: so that splits of other sizes need no other program. It gives the
    learners afterwards and each seed's loss, averaged over the steps. Fewer samples than a batch
    are repeated to fill one.
    """
    gradient_of = jax.value_and_grad(partial(_loss, settings))

    def one(
        learner: Learner, data: Data, number: Int[Array, ""], count: Int[Array, ""]
    ) -> tuple[Learner, Array]:
        key = jax.random.fold_in(jax.random.wrap_key_data(learner.key), number)
        order_key, dropout_key = jax.random.split(key)
        size = min(settings.batch, len(data.inputs))
        steps = jnp.maximum(count // size, 1)
        optimiser = _optimiser(settings, steps)
        order = _shuffled(order_key, len(data.inputs), count)
        keys = jax.random.split(dropout_key, len(data.inputs) // size)

        def step(index: Int[Array, ""], carry: Any) -> Any:
            model, memory, total = carry
            rows = jax.lax.dynamic_slice(order, (index * size,), (size,))
            drawn = jax.tree.map(lambda values: values[rows], data)
            loss, gradient = gradient_of(model, drawn, keys[index])
            updates, memory = optimiser.update(gradient, memory, model)
            return eqx.apply_updates(model, updates), memory, total + loss

        start = learner.model, learner.optimiser, jnp.zeros(())
        model, memory, total = jax.lax.fori_loop(0, steps, step, start)
        return Learner(model, memory, learner.key), total / steps

    return compiled(over_seeds(one))


def _shuffled(key: PRNGKeyArray, length: int, count: Int[Array, ""]) -> Int[Array, " length"]:
    """The first ``count`` of ``length`` rows in a random order, over and over."""
    rows = jnp.arange(length)
    drawn = jnp.where(rows < count, jax.random.uniform(key, (length,)), 2.0)
    return jnp.argsort(drawn)[rows % count]


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


def _optimiser(
    settings: TrainingSettings, steps: int | Int[Array, ""]
) -> optax.GradientTransformation:
    """AdamW, whose rate falls to nothing over the training: at a constant one no network settles.

    Args:
        settings: rate at the start, and epochs.
        steps: of an epoch.
    """
    rate = optax.cosine_decay_schedule(settings.learning_rate, settings.epochs)
    return optax.adamw(lambda step: rate(step / steps), weight_decay=settings.weight_decay)
