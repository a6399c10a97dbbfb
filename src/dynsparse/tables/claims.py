"""What the paper claims in sections 5.1 to 5.3, as numbers that a study can confirm or refute."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.intervals import Interval, Unit, units
from dynsparse.sparsity.merging import total_over_seeds
from dynsparse.sparsity.survival import Risk, mean_interval, risk, share_interval
from dynsparse.tables.table_1_seeds import always_zero, known
from dynsparse.tables.table_contacts import ANY, table_contacts

YES, NO, OPEN = "yes", "no", "open"
LARGEST_PUBLISHED_PERCENT = 18.75  # ReacherHard, in the paper's Table 1
PARTLY_ZERO = (0.01, 0.99)
MOST_BINS, MOST_SHARE = 3, 0.9
SEVERAL_STEPS = 2.0
# Most cases: more than half. An episode has to have twice these steps for at least half of
# what begins in it to be seen for so long.
SHORT_STEPS, MOST_RUNS = 50, 0.5
# Elements switch together, so what repeats is a change of the pattern. Of n changes a half end
# zeros, and a mean of n / 2 durations has a standard error of about 1 / sqrt(n / 2): a third.
LEAST_CHANGES = 20


class Case(NamedTuple):
    """The statistics of one environment and behaviour; what is None is not looked at.

    ``elements`` and ``sparsities`` hold one threshold only. ``unit`` is what the whole study
    resamples, where the case is a part of it.
    """

    elements: pa.Table
    sparsities: pa.Table
    steps: pa.Table | None = None
    strides: pa.Table | None = None
    occurrences: pa.Table | None = None
    unit: Unit | None = None


class Finding(NamedTuple):
    """Our number, its interval, and whether the claim stands; no number, and it is open."""

    value: float | None
    low: float | None
    high: float | None
    stands: str


UNKNOWN = Finding(None, None, None, OPEN)
Measure = Callable[[Case, Mapping[str, float]], Finding | None]


class Claim(NamedTuple):
    """One sentence of the paper; ``measure`` gives nothing where the claim does not apply."""

    name: str
    section: str
    statement: str
    measure: Measure


def evaluate(case: Case, published: Mapping[str, float]) -> dict[str, Finding]:
    """Every claim that can be judged from the statistics at hand.

    Args:
        case: the statistics.
        published: the paper's row of Table 1 for the environment; empty if it has none.
    """
    found = {claim.name: claim.measure(case, published) for claim in CLAIMS}
    applies = {name: finding for name, finding in found.items() if finding is not None}
    finite = pc.sum(case.elements["samples"]).as_py()
    return applies if finite else dict.fromkeys(applies, UNKNOWN)


def _judged(value: float | int, stands: bool) -> Finding:
    return Finding(float(value), None, None, YES if stands else NO)


def _count(case: Case, published: Mapping[str, float]) -> Finding | None:
    if not published:
        return None
    zeros = always_zero(case.elements, "state")
    return _judged(zeros, zeros == int(published["state_zero_elements"]))


def _few(case: Case, published: Mapping[str, float]) -> Finding:
    state = pc.sum(pc.equal(_totals(case)["jacobian"], "state")).as_py()
    percent = 100 * always_zero(case.elements, "state") / state
    return _judged(percent, percent <= LARGEST_PUBLISHED_PERCENT)


def _action(case: Case, published: Mapping[str, float]) -> Finding:
    zeros = always_zero(case.elements, "action")
    return _judged(zeros, zeros == 0)


def _partly(case: Case, published: Mapping[str, float]) -> Finding:
    share = _shares(case)
    percent = 100 * float(((share > PARTLY_ZERO[0]) & (share < PARTLY_ZERO[1])).mean())
    return _judged(percent, percent > 0)


def _never(case: Case, published: Mapping[str, float]) -> Finding:
    percent = 100 * float((_shares(case) == 0).mean())
    return _judged(percent, percent > 50)


def _few_values(case: Case, published: Mapping[str, float]) -> Finding:
    state = case.sparsities.filter(pc.equal(case.sparsities["jacobian"], "state"))
    samples = state["samples"].to_numpy()
    bins = np.minimum(state["zeros"].to_numpy() * 10 // state["elements"].to_numpy(), 9)
    share = np.sort(np.bincount(bins, samples, minlength=10))[::-1] / max(samples.sum(), 1)
    percent = 100 * float(share[:MOST_BINS].sum())
    return _judged(percent, percent >= 100 * MOST_SHARE)


def _contacts(case: Case, published: Mapping[str, float]) -> Finding | None:
    if case.occurrences is None or not case.occurrences.num_rows:
        return None
    rows = table_contacts([case.occurrences], case.unit).to_pylist()
    found = [row for row in rows if (row["contact"], row["jacobian"]) == (ANY, "state")]
    if not found or found[0]["difference"] is None:
        return None
    low, high = found[0]["difference_low"], found[0]["difference_high"]
    stands = OPEN if high is None else YES if high < 0 else NO if low > 0 else OPEN
    return Finding(found[0]["difference"], low, high, stands)


def _lasting(case: Case, published: Mapping[str, float], zero: bool) -> Finding | None:
    """Mean duration of runs of zeros, or of nonzeros; nothing where no run was seen to begin."""
    found = _risk(case, zero)
    if found is None or case.steps is None:
        return None
    if not found[0].ended.any():
        return UNKNOWN
    return _against(mean_interval(*found), SEVERAL_STEPS, _often_enough(case.steps))


def _short(case: Case, published: Mapping[str, float]) -> Finding | None:
    """Percentage of runs of zeros that end before 50 steps; nothing where none begins."""
    found = _risk(case, zero=True)
    if found is None or case.steps is None:
        return None
    longer = share_interval(*found, SHORT_STEPS - 1)
    mean, low, high = (100 * (1 - share) for share in (longer.mean, longer.high, longer.low))
    enough = _often_enough(case.steps) and pc.max(case.steps["step"]).as_py() + 1 >= 2 * SHORT_STEPS
    return _against(Interval(mean, low, high, longer.over), 100 * MOST_RUNS, enough)


def _risk(case: Case, zero: bool) -> tuple[Risk, str] | None:
    """Runs that were seen to begin, unit by unit, and what units are."""
    table = case.strides
    if table is None:
        return None
    begun = pc.and_(pc.equal(table["stride"], 1), pc.invert(table["cut_start"]))
    runs = table.filter(pc.and_(begun, pc.equal(table["zero"], zero)))
    if not runs.num_rows:
        return None
    unit, over = units(runs["seed"].to_numpy(), runs["episode"].to_numpy(), case.unit)
    return risk(runs, unit), over


def _often_enough(steps: pa.Table) -> bool:
    """Whether the pattern changed in at least ``LEAST_CHANGES`` steps."""
    changes = pc.add(steps["state_changes"], steps["action_changes"])
    return (pc.sum(pc.greater(changes, 0)).as_py() or 0) >= LEAST_CHANGES


def _against(found: Interval, limit: float, enough: bool) -> Finding:
    """Whether a mean is above a limit, if its interval and the data decide."""
    decided = YES if found.low > limit else NO if found.high < limit else OPEN
    stands = decided if enough else OPEN
    return Finding(known(found.mean), known(found.low), known(found.high), stands)


def _totals(case: Case) -> pa.Table:
    return total_over_seeds(case.elements)


def _shares(case: Case) -> np.ndarray:
    totals = _totals(case)
    return totals["zeros"].to_numpy() / np.maximum(totals["samples"].to_numpy(), 1)


CLAIMS = (
    Claim(
        "zero elements",
        "5.1",
        "State elements that are zero in every sample (Table 1). Ours: their number.",
        _count,
    ),
    Claim(
        "few are always zero",
        "5.1",
        "Zero in every sample are only very few state elements, at most 18.75 %. "
        "Ours: percent of state elements.",
        _few,
    ),
    Claim(
        "no action is without effect",
        "5.1",
        "No element of the action Jacobian is zero in every sample (Table 1). Ours: their number.",
        _action,
    ),
    Claim(
        "most are never zero",
        "5.1",
        "The majority of elements never become zero (Figure 3). Ours: percent of all elements.",
        _never,
    ),
    Claim(
        "some are sometimes zero",
        "5.2",
        "Elements are zero in a part of the samples only. "
        "Ours: percent of elements that are zero in 1 to 99 % of the samples.",
        _partly,
    ),
    Claim(
        "few values",
        "5.2",
        "Sparsity is concentrated in a small number of bins (Figure 5). "
        "Ours: percent of samples in the three fullest of ten bins; it stands from 90 % on.",
        _few_values,
    ),
    Claim(
        "contacts lower sparsity",
        "5.2",
        "Sparsity is lower while something touches. "
        "Ours: mean state sparsity while touching, less that while apart.",
        _contacts,
    ),
    Claim(
        "zeros last several steps",
        "5.3",
        "Sparsity remains stable over multiple steps before switching. "
        "Ours: mean steps that an element stays zero; it stands above two.",
        partial(_lasting, zero=True),
    ),
    Claim(
        "nonzeros last several steps",
        "5.3",
        "Sparsity remains stable over multiple steps before switching. "
        "Ours: mean steps that an element stays nonzero; it stands above two.",
        partial(_lasting, zero=False),
    ),
    Claim(
        "shorter than 50 steps",
        "5.3",
        "Elements are zero for fewer than 50 steps in most cases (Figure 7). "
        "Ours: percent of the times that an element becomes zero; it stands above 50 %.",
        _short,
    ),
)
