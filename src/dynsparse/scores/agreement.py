"""Whether a model's regimes are those of the system."""

import numpy as np
from jaxtyping import Bool, Int


def kinds(rows: Bool[np.ndarray, "samples conditions"]) -> Int[np.ndarray, " samples"]:
    """A number for each sample: the same one where all of its conditions are the same."""
    if not rows.shape[1]:
        return np.zeros(len(rows), np.int64)
    return np.unique(np.packbits(rows, axis=1), axis=0, return_inverse=True)[1].ravel()


def adjusted_rand_index(
    one: Int[np.ndarray, " samples"], other: Int[np.ndarray, " samples"]
) -> float:
    """Agreement of two partitions, adjusted for chance (Hubert and Arabie 1985, equation 5).

    1 if they are the same up to names, 0 in the mean over random ones. NaN where both are of one
    part, or both of single samples: they then agree by necessity.
    """
    first, second = (np.unique(labels, return_inverse=True)[1].ravel() for labels in (one, other))
    both = np.unique(first * (second.max(initial=0) + 1) + second, return_counts=True)[1]
    together = _pairs(both)
    of_first, of_second = _pairs(np.bincount(first)), _pairs(np.bincount(second))
    every = len(first) * (len(first) - 1) / 2
    expected = of_first * of_second / every if every else 0.0
    most = (of_first + of_second) / 2
    return (together - expected) / (most - expected) if most > expected else float("nan")


def _pairs(counts: Int[np.ndarray, " parts"]) -> float:
    return float((counts * (counts - 1) / 2).sum())
