"""Numbers over splits or environments: the range, and an interval where there are enough.

A network's seed is no repetition of an experiment: it repeats the training on the same samples.
Seeds are averaged within a split. Splits, and environments, are what is counted.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import bootstrap, permutation_test

from dynsparse.sparsity.intervals import CONFIDENCE, LEAST_SEEDS

# With fewer independent units a bootstrap has too few values to draw from, and the sign-flip test
# cannot give a p-value below 0.1: there is a range then, and the question is open.
LEAST_UNITS = LEAST_SEEDS
RESAMPLES = 5000
RANDOM_SEED = 0


class Spread(NamedTuple):
    """A mean, the lowest and highest value, and the 95 % interval of the mean; NaN: none."""

    mean: float
    lowest: float
    highest: float
    low: float
    high: float


NOTHING = Spread(*[float("nan")] * 5)


def spread(values: Float[np.ndarray, " units"], independent: int) -> Spread:
    """Mean, range and interval of one value per unit.

    Args:
        values: one for each unit; a unit that is not finite leaves nothing to say of all.
        independent: how many of the units share no policy. Below ``LEAST_UNITS`` there is no
            interval.
    """
    if not len(values) or not np.isfinite(values).all():
        return NOTHING
    mean, lowest, highest = map(float, (values.mean(), values.min(), values.max()))
    if min(independent, len(values)) < LEAST_UNITS:
        return Spread(mean, lowest, highest, float("nan"), float("nan"))
    found = bootstrap(
        (values,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(RANDOM_SEED),
    ).confidence_interval
    return Spread(mean, lowest, highest, float(found.low), float(found.high))


def p_value(differences: Float[np.ndarray, " units"], independent: int) -> float:
    """How often chance gives a mean as far from zero: a sign-flip test over units.

    NaN with fewer than ``LEAST_UNITS``. With n units it cannot be below 2 ** (1 - n).
    """
    enough = min(independent, len(differences)) >= LEAST_UNITS
    if not enough or not np.isfinite(differences).all():
        return float("nan")
    test = permutation_test(
        (differences,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(RANDOM_SEED),
    )
    return float(test.pvalue)
