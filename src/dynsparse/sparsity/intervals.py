"""Means over seeds: their interval where seeds are enough, and the value of each seed."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Num
from scipy.stats import bootstrap

# A seed has a policy of its own, and episodes of one policy are alike: only seeds are independent.
# With fewer than five a bootstrap has too few values to draw from, and there is no interval.
LEAST_SEEDS = 5
CONFIDENCE, RESAMPLES = 0.95, 2000


class Interval(NamedTuple):
    """A mean with its 95 % bootstrap interval over seeds; NaN where it has none.

    Attributes:
        mean: of all seeds together.
        low: lower limit.
        high: upper limit.
        each: the same number of every seed by itself, NaN where a seed does not tell.
    """

    mean: float
    low: float
    high: float
    each: tuple[float, ...]


def units(
    seed: Int[np.ndarray, " rows"], of: Sequence[int] | None = None
) -> Int[np.ndarray, " rows"]:
    """The unit that each row belongs to, numbered from zero in the order of seeds.

    Args:
        seed: of each row.
        of: all seeds, if some of them may have no row.
    """
    known = np.unique(seed if of is None else np.asarray(of, dtype=np.int64))
    return np.searchsorted(known, seed)


def listed(each: Sequence[float]) -> str:
    """The values of seeds as text, in the order of seeds; a dash for what is not known."""
    return ", ".join("-" if np.isnan(value) else f"{value:.4g}" for value in each)


def ratio(
    numerator: Float[np.ndarray, " units"], denominator: Float[np.ndarray, " units"]
) -> Interval:
    """Sum over sum, and its interval when whole units are drawn with replacement.

    A mean over samples is such a ratio: a unit's sum of values over its number of samples.
    """
    total = denominator.sum()
    mean = float(numerator.sum() / total) if total else np.nan
    filled = denominator > 0
    each = tuple(np.where(filled, numerator / np.where(filled, denominator, 1), np.nan).tolist())
    if filled.sum() < LEAST_SEEDS:
        return Interval(mean, np.nan, np.nan, each)
    found = bootstrap(
        (numerator[filled], denominator[filled]),
        lambda n, d, axis: n.sum(axis=axis) / d.sum(axis=axis),
        paired=True,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high), each)


def difference_of_ratios(
    first: tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"]],
    second: tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"]],
) -> Interval:
    """``ratio(*first) - ratio(*second)``, both from the same drawn units.

    Draws in which one of the two has no samples are left out.
    """
    enough = min((first[1] > 0).sum(), (second[1] > 0).sum()) >= LEAST_SEEDS
    used = (first[1] > 0) | (second[1] > 0)
    return resampled(_difference, (*first, *second), used if enough else np.zeros_like(used))


def resampled(
    statistic: Callable[..., np.ndarray],
    sums: Sequence[Num[np.ndarray, "units *columns"]],  # noqa: F821
    used: Bool[np.ndarray, " units"],
) -> Interval:
    """A statistic of sums over units, and its interval when whole units are drawn.

    Args:
        statistic: takes the total of each of ``sums``, a row per draw; NaN where it is unknown.
            Such draws are left out.
        sums: of every unit.
        used: the units to draw from; with fewer than ``LEAST_SEEDS`` there is no interval.
    """
    mean = statistic(*(each.sum(axis=0, keepdims=True) for each in sums)).item()
    each = tuple(np.asarray(statistic(*sums), dtype=float).tolist())
    count = int(used.sum())
    if count < LEAST_SEEDS or np.isnan(mean):
        return Interval(mean, np.nan, np.nan, each)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)
    values = statistic(*(drawn @ each[used] for each in sums))
    tails = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
    low, high = np.nanpercentile(values, tails)
    return Interval(mean, float(low), float(high), each)


def _difference(
    a: Float[np.ndarray, "*draws"] | np.floating,
    b: Float[np.ndarray, "*draws"] | np.floating,
    c: Float[np.ndarray, "*draws"] | np.floating,
    d: Float[np.ndarray, "*draws"] | np.floating,
) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((b > 0) & (d > 0), np.divide(a, b) - np.divide(c, d), np.nan)
