"""Do zeros of the Jacobian stay zeros when an input goes far?"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.tables.writing import item

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("radius", pa.float64()),
        ("samples", pa.int64()),
        ("unrepeated", pa.int64()),
        ("zeros_percent", pa.float64()),
        ("still_percent", pa.float64()),
        ("zeros_moved_percent", pa.float64()),
        ("others_still_percent", pa.float64()),
        ("wrong_per_sample", pa.float64()),
    ]
)
SUMMED = ("samples", "unrepeated", "elements", "zeros", "zeros_moved", "others_still")


def table_influence(influence: Sequence[pa.Table]) -> pa.Table:
    """Zeros by the Jacobian beside outputs that are still, one row per case and radius.

    Args:
        influence: tables of kind ``influence``, merged, one per environment and behaviour.

    Returns:
        ``SCHEMA``, over all seeds: the share of elements that are ``zeros`` of the Jacobian, and
        the share whose output is ``still``; the share of the zeros whose output moves, and of the
        other elements whose output is still; and how many elements the two call differently in a
        sample (``wrong_per_sample``).
    """
    rows = [
        _row(table.filter(pc.equal(table["radius"], radius)))
        for table in influence
        for radius in sorted(pc.unique(table["radius"]).to_pylist(), reverse=True)
    ]
    return item(rows, SCHEMA, "table_influence", influence)


def _row(table: pa.Table) -> dict[str, Any]:
    row = {name: table[name][0].as_py() for name in ("environment", "behaviour", "radius")}
    count = {name: pc.sum(table[name]).as_py() for name in SUMMED}
    others = count["elements"] - count["zeros"]
    wrong = count["zeros_moved"] + count["others_still"]
    still = count["zeros"] - count["zeros_moved"] + count["others_still"]
    return row | {
        "samples": count["samples"],
        "unrepeated": count["unrepeated"],
        "zeros_percent": _percent(count["zeros"], count["elements"]),
        "still_percent": _percent(still, count["elements"]),
        "zeros_moved_percent": _percent(count["zeros_moved"], count["zeros"]),
        "others_still_percent": _percent(count["others_still"], others),
        "wrong_per_sample": wrong / count["samples"],
    }


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
