"""Table 1: elements that are zero in every sample, ours beside the paper's (section 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from dynsparse.sparsity.merging import at_threshold, total_over_seeds
from dynsparse.storage.tables import metadata_of, with_metadata

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seeds", pa.int64()),
        ("samples", pa.int64()),
        ("state_dim", pa.int64()),
        ("action_dim", pa.int64()),
        ("state_zero_elements", pa.int64()),
        ("state_zero_percent", pa.float64()),
        ("action_zero_elements", pa.int64()),
        ("paper_state_zero_elements", pa.int64()),
        ("paper_state_zero_percent", pa.float64()),
        ("paper_action_zero_elements", pa.int64()),
        ("difference_state_zero_elements", pa.int64()),
        ("almost_zero_elements", pa.string()),
        ("excluded_samples", pa.int64()),
    ]
)

# An element that is nonzero in at most this share of samples is named in `almost_zero_elements`:
# a rare event (a joint at its limit) then explains a count that differs from the paper's.
ALMOST_ZERO_SHARE = 0.01


def table_1(
    elements: Sequence[pa.Table],
    published: Mapping[str, Mapping[str, float]],
    threshold: float,
) -> pa.Table:
    """Count the elements that are zero in every sample, one row per environment and behaviour.

    Args:
        elements: tables of kind ``elements``, merged over seeds, one per environment and behaviour.
        published: the paper's Table 1 by environment (``read_published``).
        threshold: which of the counted thresholds to use; zero means ``|x| < threshold``.

    Returns:
        ``SCHEMA``, in the order of ``elements``. The columns ``paper_*`` and the difference (ours
        minus the paper's) are null where the paper has no such environment. ``excluded_samples``
        had a Jacobian that was not finite, and are not among ``samples``.

    Raises:
        DynsparseError: the threshold was not counted.
    """
    rows = [_row(table, published, threshold) for table in elements]
    sources = sorted(source for table in elements for source in metadata_of(table)["sources"])
    return with_metadata(
        pa.Table.from_pylist(rows, schema=SCHEMA), "table_1", threshold=threshold, sources=sources
    )


def _row(
    table: pa.Table, published: Mapping[str, Mapping[str, float]], threshold: float
) -> dict[str, Any]:
    facts = metadata_of(table)
    counts = total_over_seeds(at_threshold(table, threshold)).to_pylist()
    state = [row for row in counts if row["jacobian"] == "state"]
    action = [row for row in counts if row["jacobian"] == "action"]
    samples = counts[0]["samples"]
    # With no sample at all, nothing was seen to be zero.
    state_zeros = sum(row["zeros"] == samples > 0 for row in state)
    action_zeros = sum(row["zeros"] == samples > 0 for row in action)
    dimension = max(row["row"] for row in state) + 1
    return {
        "environment": counts[0]["environment"],
        "behaviour": counts[0]["behaviour"],
        "seeds": len(facts["sources"]),
        "samples": samples,
        "state_dim": dimension,
        "action_dim": len(action) // dimension,
        "state_zero_elements": state_zeros,
        "state_zero_percent": 100 * state_zeros / len(state),
        "action_zero_elements": action_zeros,
        **_beside(published.get(counts[0]["environment"]), state_zeros),
        "almost_zero_elements": _almost_zero(state + action),
        "excluded_samples": facts["steps"] - samples,
    }


def _beside(paper: Mapping[str, float] | None, state_zeros: int) -> dict[str, Any]:
    if paper is None:
        return {}
    return {
        "paper_state_zero_elements": int(paper["state_zero_elements"]),
        "paper_state_zero_percent": paper["state_zero_percent"],
        "paper_action_zero_elements": int(paper["action_zero_elements"]),
        "difference_state_zero_elements": state_zeros - int(paper["state_zero_elements"]),
    }


def _almost_zero(rows: Sequence[Mapping[str, Any]]) -> str:
    """Elements nonzero in at most 1 % of samples, but in some: names and numbers."""
    found = []
    for row in rows:
        nonzero = row["samples"] - row["zeros"]
        if 0 < nonzero <= ALMOST_ZERO_SHARE * row["samples"]:
            name = f"d({_short(row['row_name'])})/d({_short(row['column_name'])})"
            found.append(f"{name} nonzero in {nonzero}")
    return "; ".join(found)


def _short(name: str) -> str:
    """A dimension's name without its unit."""
    return name.partition(" [")[0]
