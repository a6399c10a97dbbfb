"""Numbers over seeds and environments: intervals, and comparisons that are paired by seed.

Intervals are 95 % percentile bootstraps over seeds. Across environments the seeds are drawn within
each environment, and the middle half of all values is averaged (Agarwal et al. 2021).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import permutation_test, trim_mean

RESAMPLES = 5000
LEVEL = 0.95
RANDOM_SEED = 0

# Values of the seeds of each environment.
Groups = Sequence[Float[np.ndarray, " _"]]


class Interval(NamedTuple):
    """An estimate, and the bootstrap interval around it; NaN where an environment has no values."""

    estimate: float
    low: float
    high: float


class Difference(NamedTuple):
    """A paired difference, its interval, and how often chance would give one as large."""

    interval: Interval
    p_value: float
    pairs: int


def interquartile_mean(values: Float[np.ndarray, "*any last"]) -> Float[np.ndarray, "*any"]:
    """The mean of the middle half, along the last axis."""
    return np.asarray(trim_mean(values, 0.25, axis=-1))


def mean_over_seeds(values: Float[np.ndarray, " seeds"]) -> Interval:
    """Mean over seeds, seeds that failed (not finite) left out."""
    return _interval([values], lambda all_values: all_values.mean(axis=-1))


def mean_over_environments(groups: Groups) -> Interval:
    """Interquartile mean over all environments and seeds."""
    return _interval(groups, interquartile_mean)


def paired_difference(first: Groups, second: Groups) -> Difference:
    """Mean of ``first - second`` over environments and seeds, paired by seed.

    The p-value is that of a sign-flip test: under no effect each pair could as well be the other
    way round. With n pairs it cannot be below 2 ** (1 - n). Pairs with a failed seed are left out;
    it is NaN where an environment has no other pairs.
    """
    both = [one - other for one, other in zip(first, second, strict=True)]
    pooled = np.concatenate([values[np.isfinite(values)] for values in both])
    interval = _interval(both, lambda values: values.mean(axis=-1))
    if len(pooled) < 2 or np.isnan(interval.estimate):
        return Difference(interval, float("nan"), len(pooled))
    test = permutation_test(
        (pooled,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(RANDOM_SEED),
    )
    return Difference(interval, float(test.pvalue), len(pooled))


def _interval(groups: Groups, statistic: Callable[[np.ndarray], np.ndarray]) -> Interval:
    """A statistic of all groups' values, and its spread when seeds are drawn within each group."""
    finite = [values[np.isfinite(values)] for values in groups]
    # What is said of all environments is not said of those that are left.
    if not finite or not all(map(len, finite)):
        return Interval(*[float("nan")] * 3)
    rng = np.random.default_rng(RANDOM_SEED)
    drawn = [values[rng.integers(len(values), size=(RESAMPLES, len(values)))] for values in finite]
    spread = statistic(np.concatenate(drawn, axis=1))
    low, high = np.quantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(statistic(np.concatenate(finite))), float(low), float(high))
