"""Which samples train, which choose weights and thresholds, which test.

There are three kinds of split of one behaviour's samples, and of each kind several, numbered from
0: another number tests other samples. A fourth tests on another behaviour, by whose name it goes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from dynsparse.errors import DynsparseError

# Only in a split by sample, parts are not made of whole trajectories.
EPISODE, POLICY, SAMPLE = "episode", "policy", "sample"


class Split(NamedTuple):
    """Sample numbers, each sample in one part at most."""

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"]
    test: Int[np.ndarray, " test"]


class Episodes(NamedTuple):
    """The episode of every sample, and the policy that acted in it."""

    episode: Int[np.ndarray, " samples"]
    policy: Int[np.ndarray, " samples"]

    def dealt(self) -> Int[np.ndarray, " episodes"]:
        """The episodes in an order that takes one of each policy in turn; always the same one."""
        numbers, first = np.unique(self.episode, return_index=True)
        order = np.random.default_rng(0).permutation(len(numbers))
        policies = self.policy[first][order]
        # How many of its policy come before an episode, and which policy came up first.
        turn = [int((policies[:place] == own).sum()) for place, own in enumerate(policies)]
        seat = [int(np.argmax(policies == own)) for own in policies]
        return numbers[order[np.lexsort((seat, turn))]]

    def parts(self, validation: np.ndarray, test: np.ndarray) -> Split:
        """Whole episodes in each part: those that are not named train."""
        named = np.concatenate([validation, test])
        rows = (
            np.flatnonzero(found)
            for found in (
                ~np.isin(self.episode, named),
                np.isin(self.episode, validation),
                np.isin(self.episode, test),
            )
        )
        return Split(*rows)


def held_out(episodes: int, validation_share: float, test_share: float) -> tuple[int, int]:
    """How many of so many episodes validate and test: the shares, rounded, but at least one."""
    validation, test = (max(1, round(share * episodes)) for share in (validation_share, test_share))
    return validation, test


def by_episode(
    episodes: Episodes, validation_share: float, test_share: float, number: int
) -> Split:
    """Whole episodes in each part, at least one, and every policy in training where it can be.

    A model is then tested on trajectories of which it has seen no step, by policies that it has
    seen. No episode tests in two of the splits.

    Args:
        episodes: of every sample.
        validation_share, test_share: as ``held_out``.
        number: which of the splits.

    Raises:
        DynsparseError: fewer than three episodes, or none left to train on.
    """
    order = episodes.dealt()
    validation, test = held_out(len(order), validation_share, test_share)
    if validation + test >= len(order):
        raise DynsparseError(
            f"{len(order)} episodes cannot be split into training, validation ({validation}) and "
            f"test ({test}); collect more, or make learning.*_share smaller"
        )
    order = np.roll(order, -number * test)
    return episodes.parts(order[test : test + validation], order[:test])


def by_policy(episodes: Episodes, validation_share: float, test_share: float, number: int) -> Split:
    """All episodes of one policy test, and the other parts have none of it.

    Raises:
        DynsparseError: no episode is left to train on.
    """
    policies = np.unique(episodes.policy)
    order = np.roll(policies[np.random.default_rng(0).permutation(len(policies))], -number)
    test = np.unique(episodes.episode[episodes.policy == order[0]])
    rest = episodes.dealt()
    rest = rest[~np.isin(rest, test)]
    return episodes.parts(_validating(rest, validation_share, " of other policies"), test)


def by_behaviour(episodes: Episodes, own: int, validation_share: float) -> Split:
    """All episodes of another behaviour test; all of a model's own train, but those that validate.

    What trains and what validates does not depend on what tests.

    Args:
        episodes: of both behaviours.
        own: how many policies, the first ones, are the model's own.
        validation_share: of the episodes of these.

    Raises:
        DynsparseError: no episode is left to train on.
    """
    mine = episodes.policy < own
    known = Episodes(*(values[mine] for values in episodes)).dealt()
    test = np.unique(episodes.episode[~mine])
    return episodes.parts(_validating(known, validation_share), test)


def _validating(dealt: np.ndarray, share: float, whose: str = "") -> np.ndarray:
    """The first of some episodes, of which the others train."""
    validation, _ = held_out(len(dealt), share, 0.0)
    if validation >= len(dealt):
        raise DynsparseError(
            f"{len(dealt)} episodes{whose} cannot be split into training and validation "
            f"({validation}); collect more, or make learning.validation_share smaller"
        )
    return dealt[:validation]


def by_sample(episodes: Episodes, validation_share: float, test_share: float, number: int) -> Split:
    """Samples at random, each part as large as with ``by_episode``, so that the two compare.

    Neighbours in time land on both sides: the test then rewards remembering.

    Raises:
        DynsparseError: fewer than three episodes, or none left to train on.
    """
    sizes = by_episode(episodes, validation_share, test_share, 0)
    order = np.random.default_rng(number).permutation(len(episodes.episode))
    test, validation = len(sizes.test), len(sizes.validation)
    parts = np.split(order, [test, test + validation])
    return Split(*(np.sort(part) for part in (parts[2], parts[1], parts[0])))


def most(kind: str, episodes: Episodes, test_share: float) -> int | None:
    """How many splits of a kind there are, so that no episode and no policy tests twice.

    None: any number of them.
    """
    if kind == EPISODE:
        count = len(np.unique(episodes.episode))
        return count // held_out(count, 0.0, test_share)[1]
    if kind == POLICY:
        policies = len(np.unique(episodes.policy))
        return policies if policies > 1 else 0
    return None if kind in SPLITS else 1


# Of the samples of one behaviour.
SPLITS: dict[str, Callable[[Episodes, float, float, int], Split]] = {
    EPISODE: by_episode,
    POLICY: by_policy,
    SAMPLE: by_sample,
}
