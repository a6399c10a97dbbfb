"""Intervals of means: which repetitions are independent, and what resampling them gives."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import bootstrap

# Seeds are independent; with fewer than five of them a bootstrap has too few values to draw
# from, and episodes take their place. With fewer than three there is no interval at all.
LEAST_SEEDS, LEAST_UNITS = 5, 3
CONFIDENCE, RESAMPLES = 0.95, 2000


class Interval(NamedTuple):
    """A mean with its 95 % bootstrap interval, and what was resampled; NaN if it has none."""

    mean: float
    low: float
    high: float
    over: str


def units(
    seed: Int[np.ndarray, " rows"], episode: Int[np.ndarray, " rows"]
) -> tuple[Int[np.ndarray, " rows"], str]:
    """The unit that each row belongs to (numbered from zero), and what units are.

    Returns:
        Seeds if there are at least ``LEAST_SEEDS``, else episodes; and for example ``4 episodes``.
    """
    seeds = np.unique(seed, return_inverse=True)[1]
    if len(seed) and seeds.max() + 1 >= LEAST_SEEDS:
        return seeds, f"{seeds.max() + 1} seeds"
    keys = np.stack([seed, episode], axis=1)
    number = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    count = int(number.max()) + 1 if len(number) else 0
    return number, f"{count} episode" + ("" if count == 1 else "s")


def ratio(
    numerator: Float[np.ndarray, " units"], denominator: Float[np.ndarray, " units"], over: str
) -> Interval:
    """Sum over sum, and its interval when whole units are drawn with replacement.

    A mean over samples is such a ratio: a unit's sum of values over its number of samples.
    """
    total = denominator.sum()
    mean = float(numerator.sum() / total) if total else np.nan
    filled = denominator > 0
    if filled.sum() < LEAST_UNITS:
        return Interval(mean, np.nan, np.nan, over)
    found = bootstrap(
        (numerator[filled], denominator[filled]),
        lambda n, d, axis: n.sum(axis=axis) / d.sum(axis=axis),
        paired=True,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high), over)


def difference_of_ratios(
    first: tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"]],
    second: tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"]],
    over: str,
) -> Interval:
    """``ratio(*first) - ratio(*second)``, both from the same drawn units.

    Draws in which one of the two has no samples are left out.
    """
    data = (*first, *second)
    mean = _difference(*(values.sum() for values in data))
    used = (first[1] > 0) | (second[1] > 0)
    enough = min((first[1] > 0).sum(), (second[1] > 0).sum()) >= LEAST_UNITS
    if not enough:
        return Interval(float(mean), np.nan, np.nan, over)
    rng = np.random.default_rng(0)
    count = int(used.sum())
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    values = _difference(*(drawn @ each[used] for each in data))
    tails = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
    low, high = np.nanpercentile(values, tails)
    return Interval(float(mean), float(low), float(high), over)


def _difference(
    a: Float[np.ndarray, "*draws"] | np.floating,
    b: Float[np.ndarray, "*draws"] | np.floating,
    c: Float[np.ndarray, "*draws"] | np.floating,
    d: Float[np.ndarray, "*draws"] | np.floating,
) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((b > 0) & (d > 0), np.divide(a, b) - np.divide(c, d), np.nan)
