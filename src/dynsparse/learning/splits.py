"""Which samples train, which choose thresholds, which test."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from dynsparse.errors import DynsparseError

# The split whose test and validation samples are whole trajectories.
EPISODE = "episode"


class Split(NamedTuple):
    """Sample numbers, each sample in one part at most."""

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"]
    test: Int[np.ndarray, " test"]


def held_out(episodes: int, validation_share: float, test_share: float) -> tuple[int, int]:
    """How many of so many episodes validate and test: the shares, rounded, but at least one."""
    validation, test = (max(1, round(share * episodes)) for share in (validation_share, test_share))
    return validation, test


def by_episode(
    episode: Int[np.ndarray, " samples"], validation_share: float, test_share: float, seed: int
) -> Split:
    """Whole episodes in each part, at least one.

    A model is then tested on trajectories of which it has seen no step.

    Args:
        episode: the number of each sample's episode.
        validation_share, test_share: as ``held_out``.
        seed: which episodes.

    Raises:
        DynsparseError: fewer than three episodes, or none left to train on.
    """
    order = np.random.default_rng(seed).permutation(np.unique(episode))
    validation, test = held_out(len(order), validation_share, test_share)
    if validation + test >= len(order):
        raise DynsparseError(
            f"{len(order)} episodes cannot be split into training, validation ({validation}) and "
            f"test ({test}); collect more, or make learning.*_share smaller"
        )
    bounds = np.split(order, [test, test + validation])
    found = [np.flatnonzero(np.isin(episode, part)) for part in bounds]
    return Split(train=found[2], validation=found[1], test=found[0])


def by_sample(
    episode: Int[np.ndarray, " samples"], validation_share: float, test_share: float, seed: int
) -> Split:
    """Samples at random, each part as large as with ``by_episode``, so that the two compare.

    Neighbours in time land on both sides: the test then rewards remembering.

    Raises:
        DynsparseError: as ``by_episode``.
    """
    sizes = by_episode(episode, validation_share, test_share, seed)
    order = np.random.default_rng(seed).permutation(len(episode))
    test, validation = len(sizes.test), len(sizes.validation)
    parts = np.split(order, [test, test + validation])
    return Split(*(np.sort(part) for part in (parts[2], parts[1], parts[0])))


SPLITS: dict[str, Callable[..., Split]] = {EPISODE: by_episode, "sample": by_sample}
