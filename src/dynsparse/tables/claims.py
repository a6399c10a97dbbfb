"""What the paper claims in sections 5.1 to 5.3, as numbers that a study can confirm or refute."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import pyarrow.compute as pc

from dynsparse.tables import measures
from dynsparse.tables.measures import UNKNOWN, Case, Finding, Measure


class Claim(NamedTuple):
    """One sentence of the paper, and what would refute it.

    Attributes:
        name: in tables.
        section: of the paper.
        statement: what the paper says, and what our number is.
        fails: which data would make it fail.
        measure: gives nothing where the claim does not apply.
    """

    name: str
    section: str
    statement: str
    fails: str
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


CLAIMS = (
    Claim(
        "zero elements",
        "5.1",
        "State elements that are zero in every sample (Table 1). "
        "Ours: their number in the samples seen.",
        "An element that stays zero in these samples and not in the paper's, or the reverse.",
        measures.count,
    ),
    Claim(
        "few are always zero",
        "5.1",
        "Zero in every sample are only very few state elements, at most 18.75 %. "
        "Ours: percent of state elements in the samples seen.",
        "Bodies that never touch in the samples, or a model with more structural zeros.",
        measures.few,
    ),
    Claim(
        "no action is without effect",
        "5.1",
        "No element of the action Jacobian is zero in every sample (Table 1). "
        "Ours: their number in the samples seen.",
        "A state that no sample sees an action move within one step.",
        measures.action,
    ),
    Claim(
        "most are never zero",
        "5.1",
        "The majority of elements never become zero (Figure 3). "
        "Ours: percent of all elements in the samples seen.",
        "Half of the elements zero in one sample: bodies that are apart now and then.",
        measures.never,
    ),
    Claim(
        "some are sometimes zero",
        "5.2",
        "Elements are zero in a part of the samples only. Ours: percent of elements "
        "that are zero in 1 to 99 % of the samples seen.",
        "No contact and no limit that comes and goes.",
        measures.partly,
    ),
    Claim(
        "few values",
        "5.2",
        "Sparsity is concentrated in a small number of bins (Figure 5). "
        "Ours: percent of samples in the three fullest of ten bins; it stands from 90 % on.",
        "Many patterns with different numbers of zeros. It cannot fail where the elements that are "
        "ever zero span three bins or fewer.",
        measures.few_values,
    ),
    Claim(
        "contacts lower sparsity",
        "5.2",
        "Sparsity is lower while something touches. "
        "Ours: mean state sparsity while touching, less that while apart.",
        "As many zeros or more while touching, over seeds.",
        measures.contacts,
    ),
    Claim(
        "zeros last several steps",
        "5.3",
        "Sparsity remains stable over multiple steps before switching. "
        "Ours: mean steps that an element stays zero; it stands above two.",
        "Zeros of one or two steps, over seeds.",
        partial(measures.lasting, zero=True),
    ),
    Claim(
        "nonzeros last several steps",
        "5.3",
        "Sparsity remains stable over multiple steps before switching. "
        "Ours: mean steps that an element stays nonzero; it stands above two.",
        "Nonzeros of one or two steps, over seeds.",
        partial(measures.lasting, zero=False),
    ),
    Claim(
        "shorter than 50 steps",
        "5.3",
        "Elements are zero for fewer than 50 steps in most cases (Figure 7). "
        "Ours: percent of the times that an element becomes zero; it stands above 50 %.",
        "Most runs of zeros lasting 50 steps or more, over seeds.",
        measures.short,
    ),
    Claim(
        "shorter than 50 steps by time",
        "5.3",
        "The same, weighted by time. Ours: percent of the steps of which an element is zero "
        "that lie in runs of fewer than 50, without whole episodes; it stands above 50 %.",
        "A few long runs that hold most of the time, over seeds.",
        measures.short_time,
    ),
)
