"""Two bodies on a line that couple in contact alone: the local graph is known in closed form.

Bodies 1 and 2 have position and velocity each, and body 1 is pushed by u. Where p1 > p2 they touch,
and a spring and a damper act between them:

    f = [p1 > p2] (2 (p1 - p2) + (v1 - v2))
    p1' = p1 + 0.3 v1,  v1' = 0.9 v1 + u - f / 2,  p2' = p2 + 0.3 v2,  v2' = 0.9 v2 + f / 2.
"""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dynsparse.learning.data.samples import Samples
from dynsparse.learning.models import ARCHITECTURES, WorldModel
from dynsparse.learning.scoring.evaluation import on_device
from dynsparse.learning.settings import TrainingSettings
from dynsparse.learning.training import epochs
from dynsparse.precision import precision

SHARED = {"batch": 128, "weight_decay": 0.0, "loss": "state", "loss_weight": 0.0}


def step(x):
    """The next states of samples (p1, v1, p2, v2, u), and whether the bodies touch."""
    p1, v1, p2, v2, u = x.T
    touch = p1 > p2
    force = touch * ((p1 - p2) + (v1 - v2) / 2)
    after = np.stack([p1 + 0.3 * v1, 0.9 * v1 + u - force, p2 + 0.3 * v2, 0.9 * v2 + force], axis=1)
    return after, touch


def jacobians(touch):
    """The Jacobian of every sample's step."""
    free = np.array(
        [[1, 0.3, 0, 0, 0], [0, 0.9, 0, 0, 1], [0, 0, 1, 0.3, 0], [0, 0, 0, 0.9, 0]], float
    )
    force = np.array([1, 0.5, -1, -0.5, 0])
    coupled = np.stack([0 * force, -force, 0 * force, force])
    return free + touch[:, None, None] * coupled


def samples(count, seed):
    """Independent samples with normal states and actions; next states have a variance near one."""
    x = np.random.default_rng(seed).normal(size=(count, 5))
    after, touch = step(x)
    jacobian = jacobians(touch)
    return Samples(
        inputs=x.astype(np.float32),
        next_state=after.astype(np.float32),
        jacobian=jacobian.astype(np.float32),
        zero=jacobian == 0,
        contact=touch,
        active=touch[:, None],
        episode=np.zeros(count, np.int32),
        step=np.arange(count, dtype=np.int32),
    )


class Found(NamedTuple):
    """Trained models and what they say of test samples, seeds first: |J|, graphs, errors."""

    models: WorldModel
    size: np.ndarray
    graph: np.ndarray
    squared: np.ndarray


def settings(name, epochs=30, learning_rate=0.003, **model):
    """A small training."""
    kind = ARCHITECTURES[name].Settings
    return TrainingSettings(
        name, kind(**model), epochs=epochs, learning_rate=learning_rate, **SHARED
    )


@cache
def epoch_of(chosen):
    """An epoch, compiled once for all seeds and samples."""
    return epochs.make_epoch(chosen)


@cache
def created(chosen, seeds):
    """Untrained learners."""
    return epochs.create(chosen, 5, 4, seeds)


@jax.jit
def looked(models, x, facts):
    """Predictions, Jacobians and graphs of every seed's model."""

    def one(model):
        told = model.told(facts)
        return (*told.linearise(x), told.graph(x))

    return jax.lax.map(one, models)


def trained(chosen, train, test, seeds=(1, 2)):
    """Train on samples and look at others."""
    epoch = epoch_of(chosen)
    with precision("float32"):
        learner, data = created(chosen, seeds), on_device(train)
        for number in range(1, chosen.epochs + 1):
            learner, _ = epoch(learner, data, number, len(data.inputs))
        facts = epochs.facts_of(learner.model, test)
        guess, jacobian, graph = looked(learner.model, jnp.asarray(test.inputs), facts)
        squared = (np.asarray(guess) - test.next_state) ** 2
        return Found(learner.model, np.abs(jacobian), np.asarray(graph), squared)


def skill(found, test, train):
    """1 - wrong edges / wrong edges of the mean pattern, of every seed's exact zeros."""
    guess = train.zero.mean(axis=0) > 0.5
    wrong = (guess != test.zero).mean()
    return 1 - ((found.size == 0) != test.zero).mean(axis=(1, 2, 3)) / wrong


def exact(found, test):
    """Precision and recall of the elements that are exactly zero, of every seed."""
    called = found.size == 0
    right = (called & test.zero).sum(axis=(1, 2, 3))
    return right / called.sum(axis=(1, 2, 3)), right / test.zero.sum()
