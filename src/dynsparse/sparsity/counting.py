"""The zero test ``|x| < threshold`` (paper, section 5.1), at many thresholds at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

# Rows judged together: few enough to stay in the processor's cache, and to count in a byte.
BLOCK_STEPS = 255


class BlockCounts(NamedTuple):
    """Zeros of T samples of one Jacobian; thresholds in rising order."""

    zero: Bool[np.ndarray, "T elements"]
    per_element: Int[np.ndarray, "thresholds elements"]
    per_sample: Int[np.ndarray, "thresholds T"]


def count_block(
    values: Float[np.ndarray, "T elements"],
    ok: Bool[np.ndarray, " T"],
    thresholds: Sequence[float],
    threshold: float,
) -> BlockCounts:
    """Apply the zero test at every threshold to at most ``BLOCK_STEPS`` samples.

    Nearly every value is below the lowest threshold or above the highest one, so only these two
    are compared everywhere, and the rest with the few values in between.

    Args:
        values: one Jacobian of each sample, flattened.
        ok: samples that are not ok have no zeros at all.
        thresholds: in rising order; ``threshold`` is among them.
        threshold: the one whose zeros are given one by one.
    """
    size = np.abs(values)
    zero, below_all = size < thresholds[0], size < thresholds[-1]
    if not ok.all():
        zero &= ok[:, None]
        below_all &= ok[:, None]
    per_element = np.tile(_down(zero), (len(thresholds), 1))
    per_sample = np.tile(_across(zero), (len(thresholds), 1))
    between = np.flatnonzero(zero ^ below_all)
    if len(between):
        row, column = np.divmod(between, values.shape[1])
        level = size.ravel()[between]
        for number, limit in enumerate(thresholds[1:], start=1):
            below = level < limit
            per_element[number] += np.bincount(column[below], minlength=values.shape[1])
            per_sample[number] += np.bincount(row[below], minlength=len(values))
        zero.ravel()[between[level < threshold]] = True
    return BlockCounts(zero, per_element, per_sample)


def _down(zero: Bool[np.ndarray, "T elements"]) -> Int[np.ndarray, " elements"]:
    """Zeros per element; a byte holds them, since T is at most 255."""
    return np.add.reduce(zero.view(np.uint8), axis=0, dtype=np.uint8).astype(np.int64)


def _across(zero: Bool[np.ndarray, "T elements"]) -> Int[np.ndarray, " T"]:
    """Zeros per sample, counted in the packed bits."""
    return np.bitwise_count(np.packbits(zero, axis=1)).sum(axis=1, dtype=np.int64)
