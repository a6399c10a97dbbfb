"""What a model gets right on samples that it was not trained on, after every epoch."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynsparse.learning.data.samples import Samples
from dynsparse.learning.models import WorldModel
from dynsparse.learning.models.base import Facts
from dynsparse.learning.training.epochs import Data, Learner, compiled, facts_of, over_seeds

# Samples whose Jacobians are in memory at once, for each seed.
CHUNK = 512


class Scores(NamedTuple):
    """Errors and sparsity, in normalised units; in use, with a leading axis of seeds.

    Attributes:
        squared: mean squared error of each dimension of the next state.
        jacobian_squared, jacobian_absolute: mean errors of the Jacobian's elements.
        sparsity: the share of the model's elements below each threshold.
        right: the share of elements that are below it, and zero in truth.
        relative: the mean, over samples with a true zero, of the model's share of zeros divided
            by the true share.
    """

    squared: Float[Array, "*seeds outputs"]
    jacobian_squared: Float[Array, "*seeds"]
    jacobian_absolute: Float[Array, "*seeds"]
    sparsity: Float[Array, "*seeds thresholds"]
    right: Float[Array, "*seeds thresholds"]
    relative: Float[Array, "*seeds thresholds"]


class Evaluate(NamedTuple):
    """Compiled functions of every seed and given samples, without dropout.

    Attributes:
        scores: all of them.
        squared: ``Scores.squared`` alone, which takes no Jacobian.
    """

    scores: Callable[[Learner, Data], Scores]
    squared: Callable[[Learner, Data], Float[Array, "seeds outputs"]]


Measure = Callable[[Learner, Samples | Data], Array]


class Sizes(NamedTuple):
    """What says how large each element is: small ones should be zeros.

    Attributes:
        jacobian: the size |J~| of every element, in every sample of every seed.
        graph: the model's own graph, for models that have one.
        regime: the number of each sample's regime, for models that have regimes.
    """

    jacobian: Measure
    graph: Measure
    regime: Measure


def make_evaluate(thresholds: Sequence[float]) -> Evaluate:
    """The functions that score a model; its sparsity at ``thresholds``."""
    limits = jnp.asarray(thresholds, jnp.float32)

    def scores(learner: Learner, data: Data) -> Scores:
        each = _mapped(lambda sample: _sample_scores(learner.model, sample, limits), data)
        some = data.zero.any(axis=(1, 2))
        relative = jnp.where(some[:, None], each.relative, 0).sum(axis=0) / some.sum()
        means: Scores = jax.tree.map(lambda values: values.mean(axis=0), each)
        return means._replace(relative=relative)

    def squared(learner: Learner, data: Data) -> Array:
        return _mapped(lambda sample: _squared(learner.model, sample), data).mean(axis=0)

    return Evaluate(compiled(over_seeds(scores)), compiled(over_seeds(squared)))


def _mapped(measure: Callable[[Any], Any], samples: Any) -> Any:
    """What is measured of each sample; arrays have samples first."""
    count = len(jax.tree.leaves(samples)[0])
    return jax.lax.map(measure, samples, batch_size=min(CHUNK, count))


def _squared(model: WorldModel, each: Data) -> Float[Array, " outputs"]:
    """The squared errors of one sample's prediction."""
    prediction = _told(model, each)(each.inputs[None])
    return (prediction[0] - each.next_state) ** 2


def _told(model: WorldModel, each: Data) -> WorldModel:
    return model.told({name: values[None] for name, values in facts_of(model, each).items()})


def _sample_scores(model: WorldModel, each: Data, limits: Float[Array, " thresholds"]) -> Scores:
    """One sample's scores; without a true zero, ``relative`` is not finite."""
    prediction, jacobian = _told(model, each).linearise(each.inputs[None])
    error = jacobian[0] - each.jacobian
    called = jnp.abs(jacobian[0])[..., None] < limits
    share = called.mean(axis=(0, 1))
    return Scores(
        squared=(prediction[0] - each.next_state) ** 2,
        jacobian_squared=(error**2).mean(),
        jacobian_absolute=jnp.abs(error).mean(),
        sparsity=share,
        right=(called & each.zero[..., None]).mean(axis=(0, 1)),
        relative=share / each.zero.mean(),
    )


def make_sizes() -> Sizes:
    """Compiled functions of every seed and sample: |J~| of each element, graph and regime."""

    def jacobian(model: WorldModel, x: Float[Array, "one inputs"]) -> Array:
        return jnp.abs(model.linearise(x)[1][0])

    def graph(model: WorldModel, x: Float[Array, "one inputs"]) -> Array:
        return model.graph(x)[0]

    def regime(model: WorldModel, x: Float[Array, "one inputs"]) -> Array:
        return model.regime(x)[0]

    return Sizes(_per_sample(jacobian), _per_sample(graph), _per_sample(regime))


def _per_sample(measure: Callable[[WorldModel, Array], Array]) -> Measure:
    """A compiled function: what is measured of each sample, of every seed."""

    def one(learner: Learner, inputs: Array, facts: Facts) -> Array:
        def sample(each: tuple[Array, Facts]) -> Array:
            mine, known = jax.tree.map(lambda values: values[None], each)
            return measure(learner.model.told(known), mine)

        return _mapped(sample, (inputs, facts))

    program = compiled(over_seeds(one))

    def measured(learner: Learner, samples: Samples | Data) -> Array:
        facts = facts_of(learner.model, samples)
        return program(learner, jnp.asarray(samples.inputs), facts)

    return measured


def on_device(samples: Samples) -> Data:
    """What training and evaluation need of samples, as arrays of the device."""
    there: Data = jax.tree.map(jnp.asarray, Data(*(getattr(samples, n) for n in Data._fields)))
    return there
