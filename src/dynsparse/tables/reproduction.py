"""The paper's claims beside our numbers, and why they differ where they do."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.storage.tables import metadata_of
from dynsparse.tables.claims import CLAIMS, evaluate
from dynsparse.tables.measures import NO, Finding
from dynsparse.tables.table_robustness import Statistics, judged
from dynsparse.tables.table_structure import CONTINGENT, RARE, classify
from dynsparse.tables.writing import item

SCHEMA = pa.schema(
    [
        ("section", pa.string()),
        ("claim", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("paper", pa.int64()),
        ("ours", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("by_seed", pa.string()),
        ("stands", pa.string()),
        ("why", pa.string()),
        ("statement", pa.string()),
        ("fails", pa.string()),
    ]
)
PAPERS_BEHAVIOUR = "expert"


def reproduction(
    study: Sequence[Statistics],
    structure: pa.Table,
    published: Mapping[str, Mapping[str, float]],
    threshold: float,
) -> pa.Table:
    """Sections 5.1 to 5.3 of the paper, claim by claim and case by case.

    Args:
        study: the cases of the study.
        structure: table of kind ``structure``.
        published: the paper's Table 1 by environment.
        threshold: the study's threshold.

    Returns:
        ``SCHEMA``: ``paper`` is the published number where there is one. A mean has an interval
        over seeds from five seeds on, and always ``by_seed``, its value in each. ``stands`` is yes,
        no, open where no interval decides, or cannot fail; ``why`` gives the reason that the data
        themselves show for a number that does not stand; ``fails`` says what would refute it.
    """
    rows = [row for case in study for row in _rows(case, structure, published, threshold)]
    rows.sort(key=lambda row: [claim.name for claim in CLAIMS].index(row["claim"]))
    return item(rows, SCHEMA, "reproduction", [structure, *(case.elements for case in study)])


def _rows(
    case: Statistics,
    structure: pa.Table,
    published: Mapping[str, Mapping[str, float]],
    threshold: float,
) -> list[dict[str, Any]]:
    environment = case.elements["environment"][0].as_py()
    behaviour = case.elements["behaviour"][0].as_py()
    paper = published.get(environment, {})
    findings = evaluate(judged(case, threshold), paper)
    rows = []
    for claim in CLAIMS:
        found = findings.get(claim.name)
        if found is None:
            continue
        reasons = []
        if found.stands == NO:
            reasons.append(_reason(claim.name, case, findings, structure, threshold))
            if behaviour != PAPERS_BEHAVIOUR:
                reasons.append(f"the behaviour here is {behaviour}")
        rows.append(
            {
                "section": claim.section,
                "claim": claim.name,
                "environment": environment,
                "behaviour": behaviour,
                "paper": _published(claim.name, paper),
                "ours": found.value,
                **{key: getattr(found, key) for key in ("low", "high", "by_seed", "stands")},
                "why": "; ".join(filter(None, reasons)),
                "statement": claim.statement,
                "fails": claim.fails,
            }
        )
    return rows


def _published(claim: str, paper: Mapping[str, float]) -> int | None:
    column = {
        "zero elements": "state_zero_elements",
        "no action is without effect": "action_zero_elements",
    }.get(claim)
    return int(paper[column]) if column and paper else None


def _reason(
    claim: str,
    case: Statistics,
    findings: Mapping[str, Finding],
    structure: pa.Table,
    threshold: float,
) -> str:
    """What the data themselves say about a claim that does not stand."""
    if claim == "zero elements":
        return _zeros(case, structure, threshold)
    if claim == "most are never zero":
        partly = findings["some are sometimes zero"].value
        return f"{partly:.0f} % of the elements are zero in a part of the samples"
    if claim == "some are sometimes zero" and not metadata_of(case.occurrences)["contact_names"]:
        return "in this model nothing can touch"
    if claim == "shorter than 50 steps":
        touching = pc.mean(pc.greater(case.steps["contacts"], 0)).as_py()
        return f"something touches in only {100 * touching:.1f} % of the samples"
    return ""


def _zeros(case: Statistics, structure: pa.Table, threshold: float) -> str:
    """How many zeros are contingent, on what, and how many a few samples broke."""
    rows = [
        row for row in classify(case.elements, structure, threshold) if row["jacobian"] == "state"
    ]
    contingent = [row for row in rows if row["class"] == CONTINGENT]
    rare = [row for row in rows if row["class"] == RARE]
    parts = []
    if contingent:
        felt = sorted({row["noticed_by"] for row in contingent} - {""})
        unless = f", until the {' or '.join(felt)} is felt" if felt else ""
        parts.append(f"{len(contingent)} zeros only in the states visited{unless}")
    if rare:
        parts.append(f"{len(rare)} elements nonzero in at most 1 % of the samples")
    return "; ".join(parts)
