"""Durations of which not all ends were seen: Kaplan and Meier's estimate."""

import math
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Int, Num

from dynsparse.sparsity.intervals import Interval, resampled


class Survival(NamedTuple):
    """Estimate from runs whose beginning was seen.

    Attributes:
        length: durations in control steps, from 0.
        share: estimated share of runs that last longer.
        runs: how many were used.
        cut_share: how many of these were cut at their end, hence only known to last longer.
        median: the first duration that at most half of the runs outlast; infinite if none.
        mean: mean duration if none lasted longer than the longest seen; a lower bound of the mean.
    """

    length: Float[np.ndarray, " lengths"]
    share: Float[np.ndarray, " lengths"]
    runs: int
    cut_share: float
    median: float
    mean: float


# A product of shares that is exactly a half may come out a few roundings above it.
ROUNDING = 1e-9

NOTHING = Survival(np.zeros(1), np.ones(1), 0, math.nan, math.nan, math.nan)


def survival(durations: pa.Table, zero: bool) -> Survival:
    """How long runs of zeros, or of nonzeros, last.

    A run that was cut at its start is left out: it was met while it lasted, and long ones are met
    more often. A run that was cut at its end after n steps is censored at n - 1: whether it ends
    with its n-th step was not seen, and who is censored at n is taken as at risk at n.

    Args:
        durations: rows of a ``durations`` or ``strides`` table; all that match are pooled.
        zero: whether to take the runs of zeros or those of nonzeros.
    """
    chosen = pc.and_(pc.equal(durations["zero"], zero), pc.invert(durations["cut_start"]))
    grouped = durations.filter(chosen).group_by(["length", "cut_end"])
    runs = grouped.aggregate([("count", "sum")])
    if not runs.num_rows:
        return NOTHING
    count, cut = runs["count_sum"].to_numpy(), runs["cut_end"].to_numpy()
    length = runs["length"].to_numpy()
    known = length - cut
    ended = np.bincount(known[~cut], count[~cut], known.max() + 1)
    at_risk = np.bincount(known, count)[::-1].cumsum()[::-1]
    times = np.union1d(0, known)
    share = _outlasting(ended, at_risk)[times]
    halved = times[share <= 0.5 + ROUNDING]
    return Survival(
        length=times.astype(float),
        share=share,
        runs=int(count.sum()),
        cut_share=float(count[cut].sum() / count.sum()),
        median=float(halved[0]) if len(halved) else math.inf,
        # Rounded once: a sum by the processor's own order differs in its last digit elsewhere.
        mean=math.fsum(share * np.diff(times, append=length.max())),
    )


class Risk(NamedTuple):
    """Runs whose beginning was seen: how many could end with their k-th step, and how many did.

    Attributes:
        ended: runs of each unit that ended with their step 1, 2, ...
        at_risk: runs of each unit of which it was seen whether they end with that step.
    """

    ended: Int[np.ndarray, "units steps"]
    at_risk: Int[np.ndarray, "units steps"]


def risk(runs: pa.Table, unit: Int[np.ndarray, " runs"], units: int = 0) -> Risk:
    """What the runs of each unit tell of durations.

    Args:
        runs: rows of a ``strides`` table, none of them cut at the start.
        unit: of each row, from zero.
        units: how many there are at least, should the last ones have no row.
    """
    cut = runs["cut_end"].to_numpy(zero_copy_only=False)
    length, count = runs["length"].to_numpy(), runs["count"].to_numpy()
    shape = max(int(unit.max(initial=-1)) + 1, units), int(length.max(initial=0)) + 1
    ended, seen = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    np.add.at(ended, (unit[~cut], length[~cut]), count[~cut])
    np.add.at(seen, (unit, length - cut), count)
    at_risk = seen[:, ::-1].cumsum(axis=1)[:, ::-1]
    return Risk(ended[:, 1:], at_risk[:, 1:])


def mean_interval(known: Risk) -> Interval:
    """The mean duration as ``survival`` has it, with its interval over units."""

    def mean(ended: np.ndarray, at_risk: np.ndarray) -> np.ndarray:
        steps = 1 + (_outlasting(ended, at_risk) * (at_risk > 0)).sum(axis=-1)
        return np.where(at_risk[..., 0] > 0, steps, np.nan)

    return resampled(mean, known, known.at_risk[:, 0] > 0)


def share_interval(known: Risk, steps: int) -> Interval:
    """The share of runs that last longer than ``steps``, with its interval over units.

    NaN if all runs were cut before, so that nobody knows.
    """

    def share(ended: np.ndarray, at_risk: np.ndarray) -> np.ndarray:
        left = _outlasting(ended, at_risk)[..., -1]
        seen = (at_risk[..., 0] > 0) & ((at_risk[..., -1] > 0) | (left == 0))
        return np.where(seen, left, np.nan)

    wide = [np.pad(each, ((0, 0), (0, steps)))[:, :steps] for each in known]
    return resampled(share, wide, known.at_risk[:, 0] > 0)


def _outlasting(
    ended: Num[np.ndarray, "*draws steps"], at_risk: Num[np.ndarray, "*draws steps"]
) -> Float[np.ndarray, "*draws steps"]:
    """Kaplan and Meier's share of runs that last longer than each number of steps from 1 on."""
    return np.cumprod(1 - ended / np.maximum(at_risk, 1), axis=-1)


def memoryless(mean: float, other_mean: float, stride: int) -> float:
    """Mean duration that an observer of every n-th step sees of a switch without memory.

    With the probabilities a = 1 / ``mean`` to leave the state at each step and b = 1 /
    ``other_mean`` to come back, it is in the other state n steps later with probability
    a / (a + b) (1 - (1 - a - b)^n), and the mean is one over that.

    Args:
        mean: mean duration of the state in question in control steps, at least 1.
        other_mean: that of the other state.
        stride: n.

    Returns:
        Steps of the observer; infinite if he never sees it switch.
    """
    leave, come_back = 1 / mean, 1 / other_mean
    both = leave + come_back
    seen = leave / both * (1 - (1 - both) ** stride)
    return 1 / seen if seen > 0 else math.inf


def naive_mean(durations: pa.Table, zero: bool) -> float:
    """The published mean: cut runs count as whole, runs of whole episodes not at all."""
    whole = pc.and_(durations["cut_start"], durations["cut_end"])
    chosen = pc.and_(pc.equal(durations["zero"], zero), pc.invert(whole))
    runs = durations.filter(chosen)
    count = runs["count"].to_numpy()
    return float(np.average(runs["length"].to_numpy(), weights=count)) if len(count) else math.nan
