"""What is measured for each of the paper's claims, and whether it decides the claim."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.intervals import Interval, listed, ratio, units
from dynsparse.sparsity.merging import total_over_seeds
from dynsparse.sparsity.survival import Risk, mean_interval, risk, share_interval
from dynsparse.tables.table_1_seeds import always_zero, known
from dynsparse.tables.table_contacts import ANY, table_contacts

YES, NO, OPEN = "yes", "no", "open"
# Said of a claim that no data of this case could refute.
CANNOT_FAIL = "cannot fail"
LARGEST_PUBLISHED_PERCENT = 18.75  # ReacherHard, in the paper's Table 1
PARTLY_ZERO = (0.01, 0.99)
BINS, MOST_BINS, MOST_SHARE = 10, 3, 0.9
SEVERAL_STEPS = 2.0
# Most cases: more than half. An episode has to have twice these steps for at least half of
# what begins in it to be seen for so long.
SHORT_STEPS, MOST_RUNS = 50, 0.5
# Elements switch together, so what repeats is a change of the pattern. Of n changes a half end
# zeros, and a mean of n / 2 durations has a standard error of about 1 / sqrt(n / 2): a third.
LEAST_CHANGES = 20


class Case(NamedTuple):
    """The statistics of one environment and behaviour; what is None is not looked at.

    ``elements`` and ``sparsities`` hold one threshold only.
    """

    elements: pa.Table
    sparsities: pa.Table
    steps: pa.Table | None = None
    strides: pa.Table | None = None
    occurrences: pa.Table | None = None


class Finding(NamedTuple):
    """Our number, and whether the claim stands; no number, and it is open.

    A mean has an interval over seeds where these are enough, and ``by_seed`` the value of each. A
    count has neither: it is about the samples seen.
    """

    value: float | None
    low: float | None
    high: float | None
    by_seed: str
    stands: str


UNKNOWN = Finding(None, None, None, "", OPEN)
Measure = Callable[[Case, Mapping[str, float]], Finding | None]


def _judged(value: float | int, stands: bool) -> Finding:
    return Finding(float(value), None, None, "", YES if stands else NO)


def count(case: Case, published: Mapping[str, float]) -> Finding | None:
    """State elements that are always zero, against the published number; nothing without one."""
    if not published:
        return None
    zeros = always_zero(case.elements, "state")
    return _judged(zeros, zeros == int(published["state_zero_elements"]))


def few(case: Case, published: Mapping[str, float]) -> Finding:
    """Percentage of state elements that are always zero, against the largest published one."""
    state = pc.sum(pc.equal(_totals(case)["jacobian"], "state")).as_py()
    percent = 100 * always_zero(case.elements, "state") / state
    return _judged(percent, percent <= LARGEST_PUBLISHED_PERCENT)


def action(case: Case, published: Mapping[str, float]) -> Finding:
    """Action elements that are always zero, of which there should be none."""
    zeros = always_zero(case.elements, "action")
    return _judged(zeros, zeros == 0)


def partly(case: Case, published: Mapping[str, float]) -> Finding:
    """Percentage of elements that are zero in some samples only."""
    share = _shares(case)
    percent = 100 * float(((share > PARTLY_ZERO[0]) & (share < PARTLY_ZERO[1])).mean())
    return _judged(percent, percent > 0)


def never(case: Case, published: Mapping[str, float]) -> Finding:
    """Percentage of elements that are never zero, against a half."""
    percent = 100 * float((_shares(case) == 0).mean())
    return _judged(percent, percent > 50)


def few_values(case: Case, published: Mapping[str, float]) -> Finding:
    """Percentage of samples in the fullest bins; cannot fail if no more bins can be reached.

    With the elements that are zero in some samples a sample's zeros go from those of the elements
    that are always zero to those of all that ever are.
    """
    share, state = _shares(case), _totals(case)["jacobian"].to_numpy() == "state"
    bins = [
        _bin(int(n), int(state.sum()))
        for n in ((share[state] == 1).sum(), (share[state] > 0).sum())
    ]
    found = _in_fullest_bins(case.sparsities.filter(pc.equal(case.sparsities["jacobian"], "state")))
    if bins[1] - bins[0] < MOST_BINS:
        return _finding(found, CANNOT_FAIL)
    return _against(found, 100 * MOST_SHARE, enough=True)


def _bin(zeros: int | np.ndarray, elements: int | np.ndarray) -> Any:
    """The published bins of sparsity are 0.1 wide."""
    return np.minimum(zeros * BINS // elements, BINS - 1)


def _in_fullest_bins(state: pa.Table) -> Interval:
    """Percentage of samples in the fullest bins of all seeds together, and seed by seed."""
    unit, samples = units(state["seed"].to_numpy()), state["samples"].to_numpy()
    at = _bin(state["zeros"].to_numpy(), state["elements"].to_numpy())
    counts = np.zeros((int(unit.max(initial=-1)) + 1, BINS))
    np.add.at(counts, (unit, at), samples)
    fullest = np.argsort(-counts.sum(axis=0), kind="stable")[:MOST_BINS]
    return ratio(100 * counts[:, fullest].sum(axis=1), counts.sum(axis=1))


def contacts(case: Case, published: Mapping[str, float]) -> Finding | None:
    """State sparsity while something touches, less that while nothing does."""
    if case.occurrences is None or not case.occurrences.num_rows:
        return None
    rows = table_contacts([case.occurrences]).to_pylist()
    found = [row for row in rows if (row["contact"], row["jacobian"]) == (ANY, "state")]
    if not found or found[0]["difference"] is None:
        return None
    low, high = found[0]["difference_low"], found[0]["difference_high"]
    stands = OPEN if high is None else YES if high < 0 else NO if low > 0 else OPEN
    return Finding(found[0]["difference"], low, high, found[0]["difference_by_seed"], stands)


def lasting(case: Case, published: Mapping[str, float], zero: bool) -> Finding | None:
    """Mean duration of runs of zeros, or of nonzeros; nothing where no run was seen to begin."""
    found = _risk(case, zero)
    if found is None or case.steps is None:
        return None
    if not found.ended.any():
        return UNKNOWN
    return _against(mean_interval(found), SEVERAL_STEPS, _often_enough(case.steps))


def short(case: Case, published: Mapping[str, float]) -> Finding | None:
    """Percentage of runs of zeros that end before 50 steps; nothing where none begins."""
    found = _risk(case, zero=True)
    if found is None or case.steps is None:
        return None
    longer = share_interval(found, SHORT_STEPS - 1)
    low, high = 100 * (1 - longer.high), 100 * (1 - longer.low)
    each = tuple(100 * (1 - share) for share in longer.each)
    enough = _often_enough(case.steps) and _long_enough(case.steps)
    return _against(Interval(100 * (1 - longer.mean), low, high, each), 100 * MOST_RUNS, enough)


def short_time(case: Case, published: Mapping[str, float]) -> Finding | None:
    """Percentage of the steps that elements are zero which lie in runs of fewer than 50 steps.

    Runs of whole episodes are left out, as the paper does; other cut runs count as seen.
    """
    if case.strides is None or case.steps is None:
        return None
    runs = case.strides.filter(pc.and_(pc.equal(case.strides["stride"], 1), case.strides["zero"]))
    runs = runs.filter(pc.invert(pc.and_(runs["cut_start"], runs["cut_end"])))
    if not runs.num_rows:
        return None
    seeds = pc.unique(case.steps["seed"]).to_pylist()
    unit, length = units(runs["seed"].to_numpy(), seeds), runs["length"].to_numpy()
    time = (length * runs["count"].to_numpy()).astype(float)
    short, whole = (
        np.bincount(unit, each, minlength=len(seeds))
        for each in (100 * time * (length < SHORT_STEPS), time)
    )
    enough = _often_enough(case.steps) and _long_enough(case.steps)
    return _against(ratio(short, whole), 100 * MOST_RUNS, enough)


def _risk(case: Case, zero: bool) -> Risk | None:
    """Runs that were seen to begin, seed by seed."""
    table = case.strides
    if table is None or case.steps is None:
        return None
    begun = pc.and_(pc.equal(table["stride"], 1), pc.invert(table["cut_start"]))
    runs = table.filter(pc.and_(begun, pc.equal(table["zero"], zero)))
    if not runs.num_rows:
        return None
    seeds = pc.unique(case.steps["seed"]).to_pylist()
    return risk(runs, units(runs["seed"].to_numpy(), seeds), len(seeds))


def _long_enough(steps: pa.Table) -> bool:
    return bool(pc.max(steps["step"]).as_py() + 1 >= 2 * SHORT_STEPS)


def _often_enough(steps: pa.Table) -> bool:
    """Whether the pattern changed in at least ``LEAST_CHANGES`` steps."""
    changes = pc.add(steps["state_changes"], steps["action_changes"])
    return (pc.sum(pc.greater(changes, 0)).as_py() or 0) >= LEAST_CHANGES


def _against(found: Interval, limit: float, enough: bool) -> Finding:
    """Whether a mean is above a limit, if its interval and the data decide."""
    decided = YES if found.low > limit else NO if found.high < limit else OPEN
    return _finding(found, decided if enough else OPEN)


def _finding(found: Interval, stands: str) -> Finding:
    limits = known(found.mean), known(found.low), known(found.high)
    return Finding(*limits, listed(found.each), stands)


def _totals(case: Case) -> pa.Table:
    return total_over_seeds(case.elements)


def _shares(case: Case) -> np.ndarray:
    totals = _totals(case)
    return totals["zeros"].to_numpy() / np.maximum(totals["samples"].to_numpy(), 1)
