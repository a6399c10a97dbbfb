"""How the count of zeros depends on the threshold of the zero test, and on precision."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.merging import at_threshold
from dynsparse.storage.tables import metadata_of
from dynsparse.tables.table_1_seeds import always_zero
from dynsparse.tables.writing import item

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("ablation", pa.string()),
        ("threshold", pa.float64()),
        ("state_zero_elements", pa.int64()),
        ("action_zero_elements", pa.int64()),
        ("mean_state_sparsity", pa.float64()),
        ("mean_action_sparsity", pa.float64()),
        ("unchanged_from", pa.float64()),
        ("unchanged_to", pa.float64()),
    ]
)
COUNTS = ("state_zero_elements", "action_zero_elements")


def table_thresholds(
    study: Sequence[pa.Table], ablations: Mapping[str, Sequence[pa.Table]], threshold: float
) -> pa.Table:
    """Always-zero elements and mean sparsity at every threshold that was counted.

    Args:
        study: tables of kind ``elements``, merged, one per environment and behaviour.
        ablations: the same of studies that differ in one thing, such as single precision.
        threshold: the study's own.

    Returns:
        ``SCHEMA``: a row per case, ablation (empty: the study itself) and threshold. Between
        ``unchanged_from`` and ``unchanged_to``, which are the same in all rows of a case and
        ablation, no count of always-zero elements differs from that at the study's threshold.
    """
    runs = [("", elements) for elements in study]
    runs += [(name, elements) for name, cases in ablations.items() for elements in cases]
    rows = [row for name, elements in runs for row in _rows(name, elements, threshold)]
    return item(rows, SCHEMA, "table_thresholds", [elements for _, elements in runs])


def _rows(ablation: str, elements: pa.Table, threshold: float) -> list[dict[str, Any]]:
    levels = sorted(metadata_of(elements)["threshold"])
    counts = {level: at_threshold(elements, level) for level in levels}
    rows = [_row(ablation, counts[level]) | {"threshold": level} for level in levels]
    own = levels.index(threshold)

    def same(row: dict[str, Any]) -> bool:
        return all(row[name] == rows[own][name] for name in COUNTS)

    below, above = takewhile(same, reversed(rows[: own + 1])), takewhile(same, rows[own:])
    limits = {
        "unchanged_from": min(row["threshold"] for row in below),
        "unchanged_to": max(row["threshold"] for row in above),
    }
    return [row | limits for row in rows]


def _row(ablation: str, counts: pa.Table) -> dict[str, Any]:
    case = {name: counts[name][0].as_py() for name in ("environment", "behaviour")}
    row: dict[str, Any] = {**case, "ablation": ablation}
    for jacobian in ("state", "action"):
        of_one = counts.filter(pc.equal(counts["jacobian"], jacobian))
        zeros, samples = (pc.sum(of_one[name]).as_py() for name in ("zeros", "samples"))
        row[f"{jacobian}_zero_elements"] = always_zero(counts, jacobian)
        row[f"mean_{jacobian}_sparsity"] = zeros / samples if samples else None
    return row
