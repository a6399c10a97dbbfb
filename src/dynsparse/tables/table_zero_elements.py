"""Every element that is always or nearly always zero: its name, its class, what broke it."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from dynsparse.tables.table_structure import BROKEN, CONTINGENT, RARE, STRUCTURAL, classify
from dynsparse.tables.writing import item

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("jacobian", pa.string()),
        ("row_name", pa.string()),
        ("column_name", pa.string()),
        ("class", pa.string()),
        ("samples", pa.int64()),
        ("nonzero_samples", pa.int64()),
        ("noticed_by", pa.string()),
        ("first_nonzero", pa.string()),
    ]
)
LISTED = (STRUCTURAL, CONTINGENT, RARE, BROKEN)
EXAMPLES = 3


def table_zero_elements(
    elements: Sequence[pa.Table],
    exceptions: Sequence[pa.Table],
    structure: pa.Table,
    threshold: float,
) -> pa.Table:
    """The elements that are zero in at least 99 % of samples, by name.

    Args:
        elements: tables of kind ``elements``, merged, one per environment and behaviour.
        exceptions: tables of kind ``exceptions`` of the same, in the same order.
        structure: table of kind ``structure``.
        threshold: zero means ``|x| < threshold``.

    Returns:
        ``SCHEMA``: ``noticed_by`` says what in the model could make a change of the column felt;
        ``first_nonzero`` where the element was nonzero first: file, episode, step, what
        was touching and which limits were active.
    """
    rows = []
    for counted, excepted in zip(elements, exceptions, strict=True):
        found = _examples(excepted)
        for row in classify(counted, structure, threshold):
            if row["class"] in LISTED:
                nonzero = row["samples"] - row["zeros"]
                examples = found.get((row["jacobian"], row["row"], row["column"]), [])
                rows.append(
                    {
                        **{name: row[name] for name in SCHEMA.names if name in row},
                        "nonzero_samples": nonzero,
                        "first_nonzero": "; ".join(examples[:EXAMPLES]),
                    }
                )
    return item(rows, SCHEMA, "table_zero_elements", [*elements, *exceptions, structure])


def _examples(exceptions: pa.Table) -> dict[tuple[str, int, int], list[str]]:
    found: dict[tuple[str, int, int], list[str]] = {}
    for row in exceptions.to_pylist():
        key = (row["jacobian"], row["row"], row["column"])
        found.setdefault(key, []).append(_place(row))
    return found


def _place(row: dict[str, Any]) -> str:
    causes = ", ".join(filter(None, (row["touching"], row["active"])))
    place = f"seed-{row['seed']}.h5 episode {row['episode']} step {row['step']}"
    return f"{place} ({causes or 'nothing touching'})"
