"""Whether stated probabilities are the frequencies of what they are said of."""

import numpy as np
from jaxtyping import Bool, Float

Probability = Float[np.ndarray, "samples elements"]
Label = Bool[np.ndarray, "samples elements"]
BINS = 10


def brier_score(probability: Probability, true: Label) -> float:
    """Mean squared difference of probability and truth (Brier 1950); NaN of nothing."""
    return float(((probability - true) ** 2).mean()) if true.size else float("nan")


def calibration_error(probability: Probability, true: Label) -> float:
    """Expected calibration error (Guo et al. 2017, equation 3), in ``BINS`` bins of equal width.

    The mean difference between how probable things are said to be and how often they are true,
    bin by bin, weighted by the samples in each. NaN of nothing.
    """
    if not true.size:
        return float("nan")
    number = np.minimum((probability * BINS).astype(np.int64), BINS - 1).ravel()
    said = np.bincount(number, probability.ravel(), BINS)
    happened = np.bincount(number, true.ravel(), BINS)
    return float(np.abs(said - happened).sum() / true.size)
