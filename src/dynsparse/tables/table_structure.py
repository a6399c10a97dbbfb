"""Structural, observed and contingent zeros: what the model proves beside what was seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.merging import at_threshold, total_over_seeds
from dynsparse.tables.table_1 import ALMOST_ZERO_SHARE
from dynsparse.tables.writing import item

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("jacobian", pa.string()),
        ("elements", pa.int64()),
        ("samples", pa.int64()),
        ("structural", pa.int64()),
        ("observed", pa.int64()),
        ("contingent", pa.int64()),
        ("rarely_nonzero", pa.int64()),
        ("sometimes_zero", pa.int64()),
        ("never_zero", pa.int64()),
        ("structural_but_nonzero", pa.int64()),
        ("paper", pa.int64()),
    ]
)

STRUCTURAL, CONTINGENT, RARE, BROKEN = "structural", "contingent", "rarely nonzero", "broken"
SOMETIMES, NEVER = "sometimes zero", "never zero"
# Of an element that no sample has a derivative for, and the model proves nothing of.
UNKNOWN = "unknown"


def table_structure(
    elements: Sequence[pa.Table],
    structure: pa.Table,
    published: Mapping[str, Mapping[str, float]],
    threshold: float,
) -> pa.Table:
    """How many elements are zero by the model's structure, and how many only so far.

    Args:
        elements: tables of kind ``elements``, merged, one per environment and behaviour.
        structure: table of kind ``structure`` with these environments.
        published: the paper's Table 1 by environment.
        threshold: zero means ``|x| < threshold``.

    Returns:
        ``SCHEMA``: *observed* elements are zero in every sample; of these, *structural* ones
        have to be, and *contingent* ones are allowed to be nonzero but never were. Then the
        elements nonzero in at most 1 % of samples, those zero in some, and in none. An element
        that no sample has a derivative for is none of these; ``samples`` is the most that one has.
        ``structural_but_nonzero`` must be 0: anything else is rounding above the threshold, or a
        mistake in the proof.
    """
    rows = []
    for table in elements:
        classified = classify(table, structure, threshold)
        for jacobian in ("state", "action"):
            chosen = [row for row in classified if row["jacobian"] == jacobian]
            rows.append(_row(chosen, published))
    return item(rows, SCHEMA, "table_structure", [*elements, structure])


def classify(elements: pa.Table, structure: pa.Table, threshold: float) -> list[dict[str, Any]]:
    """Every element of one case with its ``class`` and what could make its column felt.

    Returns:
        The rows of ``elements`` at the threshold, summed over seeds, each with the keys ``class``
        and ``noticed_by``.
    """
    rows = total_over_seeds(at_threshold(elements, threshold)).to_pylist()
    environment = rows[0]["environment"]
    known = structure.filter(pc.equal(structure["environment"], environment)).to_pylist()
    proved = {(row["jacobian"], row["row"], row["column"]): row for row in known}
    for row in rows:
        proof = proved[row["jacobian"], row["row"], row["column"]]
        row["class"] = _class(row["samples"] - row["zeros"], row["samples"], proof["structural"])
        row["noticed_by"] = proof["noticed_by"]
    return rows


def _class(nonzero: int, samples: int, structural: bool) -> str:
    if structural:
        return BROKEN if nonzero else STRUCTURAL
    if not samples:
        return UNKNOWN
    if nonzero == samples:
        return NEVER
    if nonzero == 0:
        return CONTINGENT
    return RARE if nonzero <= ALMOST_ZERO_SHARE * samples else SOMETIMES


def _row(
    rows: Sequence[Mapping[str, Any]], published: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    first = rows[0]
    count = dict.fromkeys((STRUCTURAL, CONTINGENT, RARE, BROKEN, SOMETIMES, NEVER, UNKNOWN), 0)
    for row in rows:
        count[row["class"]] += 1
    paper = published.get(first["environment"])
    return {
        **{key: first[key] for key in ("environment", "behaviour", "jacobian")},
        "samples": max(row["samples"] for row in rows),
        "elements": len(rows),
        "structural": count[STRUCTURAL] + count[BROKEN],
        "observed": count[STRUCTURAL] + count[CONTINGENT],
        "contingent": count[CONTINGENT],
        "rarely_nonzero": count[RARE],
        "sometimes_zero": count[SOMETIMES],
        "never_zero": count[NEVER],
        "structural_but_nonzero": count[BROKEN],
        "paper": None if paper is None else int(paper[f"{first['jacobian']}_zero_elements"]),
    }
