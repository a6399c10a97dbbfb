"""Intervals of means: which repetitions are independent, and what resampling them gives."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Num
from scipy.stats import bootstrap

# Seeds are independent; with fewer than five of them a bootstrap has too few values to draw
# from, and episodes take their place. With fewer than three there is no interval at all.
LEAST_SEEDS, LEAST_UNITS = 5, 3
CONFIDENCE, RESAMPLES = 0.95, 2000

Unit = Literal["seed", "episode"]


class Interval(NamedTuple):
    """A mean with its 95 % bootstrap interval, and what was resampled; NaN if it has none."""

    mean: float
    low: float
    high: float
    over: str


def unit_of(seed: Int[np.ndarray, " rows"]) -> Unit:
    """What to resample in a study: seeds if there are at least ``LEAST_SEEDS``, else episodes."""
    return "seed" if len(np.unique(seed)) >= LEAST_SEEDS else "episode"


def units(
    seed: Int[np.ndarray, " rows"], episode: Int[np.ndarray, " rows"], unit: Unit | None = None
) -> tuple[Int[np.ndarray, " rows"], str]:
    """The unit that each row belongs to (numbered from zero), and what units are.

    Args:
        seed: of each row.
        episode: of each row.
        unit: what units are, if the rows are not those of the whole study; else ``unit_of`` them.

    Returns:
        Numbers; and for example ``4 episodes``.
    """
    unit = unit or unit_of(seed)
    keys = np.stack([seed, episode if unit == "episode" else np.zeros_like(seed)], axis=1)
    number = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    count = int(number.max()) + 1 if len(number) else 0
    return number, f"{count} {unit}" + ("" if count == 1 else "s")


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
    enough = min((first[1] > 0).sum(), (second[1] > 0).sum()) >= LEAST_UNITS
    used = (first[1] > 0) | (second[1] > 0)
    return resampled(_difference, (*first, *second), used if enough else np.zeros_like(used), over)


def resampled(
    statistic: Callable[..., np.ndarray],
    sums: Sequence[Num[np.ndarray, "units *columns"]],
    used: Bool[np.ndarray, " units"],
    over: str,
) -> Interval:
    """A statistic of sums over units, and its interval when whole units are drawn.

    Args:
        statistic: takes the total of each of ``sums``, a row per draw; NaN where it is unknown.
            Such draws are left out.
        sums: of every unit.
        used: the units to draw from; with fewer than ``LEAST_UNITS`` there is no interval.
        over: what units are.
    """
    mean = statistic(*(each.sum(axis=0, keepdims=True) for each in sums)).item()
    count = int(used.sum())
    if count < LEAST_UNITS or np.isnan(mean):
        return Interval(mean, np.nan, np.nan, over)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)
    values = statistic(*(drawn @ each[used] for each in sums))
    tails = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
    low, high = np.nanpercentile(values, tails)
    return Interval(mean, float(low), float(high), over)


def _difference(
    a: Float[np.ndarray, "*draws"] | np.floating,
    b: Float[np.ndarray, "*draws"] | np.floating,
    c: Float[np.ndarray, "*draws"] | np.floating,
    d: Float[np.ndarray, "*draws"] | np.floating,
) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((b > 0) & (d > 0), np.divide(a, b) - np.divide(c, d), np.nan)
