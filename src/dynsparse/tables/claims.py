"""What the paper claims in sections 5.1 to 5.3, as numbers that a study can confirm or refute."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.intervals import ratio, units
from dynsparse.sparsity.merging import total_over_seeds
from dynsparse.sparsity.survival import naive_mean
from dynsparse.tables.table_1_seeds import always_zero, known
from dynsparse.tables.table_contacts import ANY, table_contacts

YES, NO, OPEN = "yes", "no", "open"
LARGEST_PUBLISHED_PERCENT = 18.75  # ReacherHard, in the paper's Table 1
PARTLY_ZERO = (0.01, 0.99)
MOST_BINS, MOST_SHARE = 3, 0.9
SEVERAL_STEPS = 2.0
SHORT_STEPS = 50.0


class Case(NamedTuple):
    """The statistics of one environment and behaviour; what is None is not looked at.

    ``elements`` and ``sparsities`` hold one threshold only.
    """

    elements: pa.Table
    sparsities: pa.Table
    steps: pa.Table | None = None
    durations: pa.Table | None = None
    occurrences: pa.Table | None = None


class Finding(NamedTuple):
    """Our number, its interval if it has one, and whether the claim stands: yes, no or open."""

    value: float
    low: float | None
    high: float | None
    stands: str


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
    return {name: finding for name, finding in found.items() if finding is not None}


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
    rows = table_contacts([case.occurrences]).to_pylist()
    found = [row for row in rows if (row["contact"], row["jacobian"]) == (ANY, "state")]
    if not found or found[0]["difference"] is None:
        return None
    low, high = found[0]["difference_low"], found[0]["difference_high"]
    stands = OPEN if high is None else YES if high < 0 else NO if low > 0 else OPEN
    return Finding(found[0]["difference"], low, high, stands)


def _stable(case: Case, published: Mapping[str, float]) -> Finding | None:
    """Steps per change of the pattern; nothing where it never changes."""
    if case.steps is None:
        return None
    steps = case.steps.filter(pc.is_valid(case.steps["state_changes"]))
    changed = pc.greater(pc.add(steps["state_changes"], steps["action_changes"]), 0)
    changed = changed.to_numpy(zero_copy_only=False).astype(float)
    if not changed.any():
        return None
    unit, over = units(steps["seed"].to_numpy(), steps["episode"].to_numpy())
    found = ratio(np.bincount(unit, changed), np.bincount(unit).astype(float), over)
    if np.isnan(found.low):
        return Finding(1 / found.mean, None, None, OPEN)
    low, high = 1 / found.high, 1 / found.low if found.low else np.inf
    stands = YES if low > SEVERAL_STEPS else NO if high < SEVERAL_STEPS else OPEN
    return Finding(1 / found.mean, low, known(high) if np.isfinite(high) else None, stands)


def _short(case: Case, published: Mapping[str, float]) -> Finding | None:
    if case.durations is None:
        return None
    mean = naive_mean(case.durations, zero=True)
    return None if np.isnan(mean) else _judged(mean, mean < SHORT_STEPS)


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
        "stable over several steps",
        "5.3",
        "Sparsity remains stable over multiple steps before switching. "
        "Ours: steps per change of the pattern; it stands above two.",
        _stable,
    ),
    Claim(
        "shorter than 50 steps",
        "5.3",
        "Elements are zero for fewer than 50 steps in most cases (Figure 7). "
        "Ours: mean duration in steps, taken the paper's way.",
        _short,
    ),
)
