"""Durations with censored runs treated as such, per case, element and step (section 5.3)."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.parquet import metadata_of
from dynsparse.sparsity.survival import Survival, memoryless, naive_mean, survival
from dynsparse.tables.writing import item

MEASURES = [
    ("runs", pa.int64()),
    ("cut_percent", pa.float64()),
    ("median_steps", pa.float64()),
    ("mean_steps", pa.float64()),
    ("paper_way_mean_steps", pa.float64()),
    ("median_seconds", pa.float64()),
    ("mean_seconds", pa.float64()),
]
SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("jacobian", pa.string()),
        ("runs_of", pa.string()),
        ("every_nth_step", pa.int64()),
        *MEASURES,
        ("memoryless_mean_steps", pa.float64()),
        ("seeds_lowest_mean", pa.float64()),
        ("seeds_highest_mean", pa.float64()),
    ]
)
ELEMENT_SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("jacobian", pa.string()),
        ("row_name", pa.string()),
        ("column_name", pa.string()),
        ("elements", pa.int64()),
        ("runs_of", pa.string()),
        *MEASURES,
    ]
)


def table_durations(strides: Sequence[pa.Table]) -> pa.Table:
    """How long elements stay zero and nonzero, all elements of a Jacobian together.

    Args:
        strides: tables of kind ``strides``, merged, one per environment and behaviour.

    Returns:
        ``SCHEMA``: Kaplan and Meier's median and mean (see ``dynsparse.sparsity.survival``), beside
        the mean as the paper takes it; then the same for an observer who sees only every
        n-th step, and ``memoryless_mean_steps``, what he would see of a switch without memory
        that has the means of every step. Seconds are steps times their length. The range
        over seeds is that of the mean in steps; where two ranges overlap nothing is said to differ.
    """
    rows = [row for table in strides for row in _rows(table)]
    return item(rows, SCHEMA, "table_durations", strides)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    dt, levels = metadata_of(table)["control_dt_s"], sorted(pc.unique(table["stride"]).to_pylist())
    for jacobian, zero in product(("state", "action"), (True, False)):
        chosen = table.filter(pc.equal(table["jacobian"], jacobian))
        every_step = chosen.filter(pc.equal(chosen["stride"], 1))
        mean, other_mean = (survival(every_step, side).mean for side in (zero, not zero))
        for stride in levels:
            row = _row(chosen.filter(pc.equal(chosen["stride"], stride)), zero, dt * stride)
            if row["runs"]:
                head = {"jacobian": jacobian, "every_nth_step": stride}
                expected = memoryless(mean, other_mean, stride)
                yield (
                    _case(table)
                    | head
                    | row
                    | {"memoryless_mean_steps": expected if np.isfinite(expected) else None}
                )


def table_element_durations(durations: Sequence[pa.Table]) -> pa.Table:
    """The same element by element; elements that always switch together share a row.

    Args:
        durations: tables of kind ``durations``, merged, one per environment and behaviour.

    Returns:
        ``ELEMENT_SCHEMA``, for elements that switch at least once inside an episode: ``elements``
        have exactly the same runs, and the names are those of the first of them.
    """
    rows = []
    for table in durations:
        for members in _switching_together(table):
            names = {key: members[0][key] for key in ("jacobian", "row_name", "column_name")}
            chosen = members[0]["runs"]
            for zero in (True, False):
                head = {**_case(table), **names, "elements": len(members), "runs_of": _name(zero)}
                rows.append(head | _measures(chosen, zero, metadata_of(table)["control_dt_s"]))
    return item(rows, ELEMENT_SCHEMA, "table_element_durations", durations)


def _switching_together(table: pa.Table) -> list[list[dict[str, Any]]]:
    """Groups of switching elements with the same histogram of runs, seed by seed."""
    key = ["jacobian", "row", "column", "row_name", "column_name"]
    runs = ["seed", "zero", "length", "cut_start", "cut_end", "count"]
    ordered = table.sort_by([(name, "ascending") for name in (*key, *runs)])
    groups: dict[Any, list[dict[str, Any]]] = {}
    number = ordered.select(key[1:3]).to_pandas().assign(jacobian=ordered["jacobian"].to_pylist())
    starts = np.flatnonzero((number != number.shift()).any(axis=1))
    for first, last in zip(starts, [*starts[1:], len(number)], strict=True):
        rows = ordered.slice(first, last - first)
        if pc.all(pc.and_(rows["cut_start"], rows["cut_end"])).as_py():
            continue
        member = {name: rows[name][0].as_py() for name in key} | {"runs": rows}
        same = (member["jacobian"], *(tuple(rows[name].to_pylist()) for name in runs))
        groups.setdefault(same, []).append(member)
    return list(groups.values())


def _row(table: pa.Table, zero: bool, dt: float) -> dict[str, Any]:
    seeds = sorted(pc.unique(table["seed"]).to_pylist())
    of_seeds = [survival(table.filter(pc.equal(table["seed"], seed)), zero) for seed in seeds]
    means = [each.mean for each in of_seeds if each.runs]
    return {
        "runs_of": _name(zero),
        **_measures(table, zero, dt),
        "seeds_lowest_mean": min(means, default=None),
        "seeds_highest_mean": max(means, default=None),
    }


def _measures(table: pa.Table, zero: bool, dt: float) -> dict[str, Any]:
    found = survival(table, zero)
    naive = naive_mean(table, zero)
    row: dict[str, Any] = {
        "runs": found.runs,
        "paper_way_mean_steps": None if np.isnan(naive) else naive,
    }
    return row | (_estimates(found, dt) if found.runs else {})


def _estimates(found: Survival, dt: float) -> dict[str, Any]:
    median = found.median if np.isfinite(found.median) else None
    return {
        "cut_percent": 100 * found.cut_share,
        "median_steps": median,
        "mean_steps": found.mean,
        "median_seconds": None if median is None else median * dt,
        "mean_seconds": found.mean * dt,
    }


def _case(table: pa.Table) -> dict[str, str]:
    return {key: table[key][0].as_py() for key in ("environment", "behaviour")}


def _name(zero: bool) -> str:
    return "zero" if zero else "nonzero"
