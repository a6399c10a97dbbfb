"""Masks that a learner is told: which inputs each output of a sample may look at.

They range from nothing (``ones``) to the truth (``oracle``), with the controls between them that
tell what a mask's structure is worth from what it gives away about the state.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from dynsparse.learning.data.samples import Samples
from dynsparse.learning.models.base import MaskRecipe
from dynsparse.learning.scoring import controls

Open = Bool[np.ndarray, "samples outputs inputs"]


class Given(NamedTuple):
    """What a mask is made of.

    Attributes:
        environment: its name.
        train: the samples of the training part.
        asked: the samples that masks are made for.
        number: of the split; what is random depends on it alone.
    """

    environment: str
    train: Samples
    asked: Samples
    number: int


def mask(recipe: MaskRecipe, given: Given) -> Open:
    """A mask for every sample: what is open, as the recipe says, with its share of errors."""
    exact = MASKS[recipe.name](given)
    drawn = _random(given, 1).random(exact.shape)
    return np.where(exact, drawn >= recipe.miss, drawn < recipe.false_alarm)


def ones(given: Given) -> Open:
    """All is open."""
    return np.ones(given.asked.zero.shape, bool)


def structural(given: Given) -> Open:
    """What the model's file does not prove to be zero in every state (``sparsity.structure``)."""
    # Simulators are slow to import, and no other mask needs them.
    from dynsparse.environments.structures import structures

    rows = structures([given.environment]).to_pylist()
    outputs, inputs = given.asked.zero.shape[1:]
    found = np.ones((outputs, inputs), bool)
    for row in rows:
        column = row["column"] + (outputs if row["jacobian"] == "action" else 0)
        found[row["row"], column] = not row["structural"]
    return _for_all(found, given)


def union(given: Given) -> Open:
    """What is not zero in all training samples."""
    return _for_all(~np.asarray(given.train.zero.all(axis=0)), given)


def oracle(given: Given) -> Open:
    """What is not zero in the sample itself."""
    return ~given.asked.zero


def other(given: Given) -> Open:
    """What is not zero in another sample, any one of the training part: right patterns, astray."""
    rows = _random(given, 0).integers(len(given.train.zero), size=len(given.asked.zero))
    return ~given.train.zero[rows]


def random(given: Given) -> Open:
    """Each element by itself, open as often as it is not zero in training samples."""
    share = 1 - given.train.zero.mean(axis=0)
    return _random(given, 0).random(given.asked.zero.shape) < share


def contacts(given: Given) -> Open:
    """What is mostly not zero in training samples with the same contacts, limits and friction."""
    share = controls.contact_oracle(given.train, given.asked)
    return share.reshape(given.asked.zero.shape) < 0.5


MASKS: dict[str, Callable[[Given], Open]] = {
    "ones": ones,
    "structural": structural,
    "union": union,
    "oracle": oracle,
    "other": other,
    "random": random,
    "contacts": contacts,
}


def _for_all(one: Bool[np.ndarray, "outputs inputs"], given: Given) -> Open:
    return np.broadcast_to(one, given.asked.zero.shape).copy()


def _random(given: Given, use: int) -> np.random.Generator:
    return np.random.default_rng((given.number, use))
