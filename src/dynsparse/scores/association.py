"""Whether two things go together among learners, once a third is known: partial rank correlation.

It is the correlation of ranks, less what both owe to a control: the formula of partial correlation
with Spearman's coefficients in place of Pearson's.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from dynsparse.scores.comparison import RANDOM_SEED
from dynsparse.sparsity.intervals import CONFIDENCE, RESAMPLES

# With three units and a control every partial correlation is 1 or -1.
LEAST_CORRELATED = 4
# Below, the bootstrap of ranks excludes zero far too often where nothing is there: with five units
# in three of four planted cases, with ten in one of ten.
LEAST_FOR_INTERVAL = 11
# A share of variance that is rounding: nothing is left once the control is known.
_NOTHING_LEFT = 1e-12

Values = Float[np.ndarray, "*cases units"]


class Association(NamedTuple):
    """Correlations from -1 to 1, and the 95 % interval of the partial one; NaN: there is none."""

    plain: float
    partial: float
    low: float
    high: float


NOTHING = Association(*[float("nan")] * 4)


def spearman(x: Values, y: Values) -> Float[np.ndarray, "*cases"]:
    """Rank correlation along the last axis; NaN where one of the two is constant."""
    a, b = (rankdata(values, axis=-1) for values in (x, y))
    a, b = (ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (a, b))
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1)))


def partial_spearman(x: Values, y: Values, control: Values) -> Float[np.ndarray, "*cases"]:
    """Rank correlation of ``x`` and ``y`` along the last axis, given ``control``.

    NaN where one of the three is constant, or the control's ranks say all of another's.
    """
    xy, xz, yz = spearman(x, y), spearman(x, control), spearman(y, control)
    left = (1 - xz**2) * (1 - yz**2)
    left = np.where(left > _NOTHING_LEFT, left, np.nan)
    return np.asarray(np.clip((xy - xz * yz) / np.sqrt(left), -1, 1))


def association(measures: Sequence[Float[np.ndarray, "cases units"]]) -> Association:
    """How two measures of the same units go together, given a third, in the mean over cases.

    Ranks are taken within each case. The interval is a percentile bootstrap over units, each with
    all of its cases, since its values in two cases are not independent. A draw in which there is
    no correlation, such as one of two units alone, is left out.

    Args:
        measures: two, and the control. Infinity is the highest rank.

    Returns:
        No correlation below ``LEAST_CORRELATED`` units, no interval below
        ``LEAST_FOR_INTERVAL``.
    """
    values = np.stack(measures)
    count = values.shape[-1]
    if count < LEAST_CORRELATED or not values.shape[1]:
        return NOTHING

    def partial(units: np.ndarray) -> Float[np.ndarray, "*draws"]:
        """Of these units, by number, in the last axis."""
        x, y, control = values[..., units]
        return np.asarray(partial_spearman(x, y, control).mean(axis=0))

    every = np.arange(count)
    plain, given = float(spearman(values[0], values[1]).mean()), float(partial(every))
    if count < LEAST_FOR_INTERVAL or np.isnan(given):
        return Association(plain, given, float("nan"), float("nan"))
    # Not SciPy's bootstrap, in which a draw without a value leaves no interval.
    draws = partial(np.random.default_rng(RANDOM_SEED).integers(count, size=(RESAMPLES, count)))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(draws, [tail, 100 - tail])
    return Association(plain, given, float(low), float(high))
