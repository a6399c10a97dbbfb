"""Guesses of the zeros that are not made by a model, to hold a model's score against."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

Shares = Float[np.ndarray, "samples elements"]


@runtime_checkable
class Known(Protocol):
    """What a guess may look at; ``dynsparse.learning.data.samples.Samples`` is one."""

    @property
    def inputs(self) -> Float[np.ndarray, "samples inputs"]: ...  # noqa: D102
    @property
    def zero(self) -> Bool[np.ndarray, "samples outputs inputs"]: ...  # noqa: D102
    @property
    def active(self) -> Bool[np.ndarray, "samples conditions"]: ...  # noqa: D102


def mean_pattern(train: Known, asked: Known) -> Shares:
    """The share of training samples in which each element is zero: the same for every sample."""
    share = _labels(train).mean(axis=0)
    return np.broadcast_to(share, (len(asked.zero), len(share)))


def contact_oracle(train: Known, asked: Known) -> Shares:
    """The mean pattern of the training samples with the same contacts, limits and friction.

    It is told the truth about these in the sample asked for, which no model is. Combinations that
    were not seen in training get the mean pattern.
    """
    both = np.concatenate([train.active, asked.active])
    _, kind = np.unique(both, axis=0, return_inverse=True)
    known, wanted = np.split(kind.ravel(), [len(train.active)])
    labels, result = _labels(train), mean_pattern(train, asked).copy()
    for number in np.intersect1d(known, wanted):
        result[wanted == number] = labels[known == number].mean(axis=0)
    return result


def nearest_neighbours(train: Known, asked: Known, count: int) -> Shares:
    """The mean pattern of the ``count`` training samples with the nearest state and action."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(count, len(train.inputs))).fit(train.inputs)
    nearest = search.kneighbors(asked.inputs, return_distance=False)
    labels = _labels(train)
    return np.stack([labels[rows].mean(axis=0) for rows in nearest])


def permuted(scores: Shares, seed: int) -> Shares:
    """Every sample's scores given to another sample.

    What is left of a model's score is what it says about elements in general.
    """
    return scores[np.random.default_rng(seed).permutation(len(scores))]


def _labels(samples: Known) -> Bool[np.ndarray, "samples elements"]:
    return samples.zero.reshape(len(samples.zero), -1)
