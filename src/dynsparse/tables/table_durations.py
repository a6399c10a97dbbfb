"""Durations with censored runs treated as such, per case, element and step (section 5.3)."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.parquet import metadata_of
from dynsparse.sparsity.survival import Survival, naive_mean, survival
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


def table_durations(durations: Sequence[pa.Table], strides: Sequence[pa.Table]) -> pa.Table:
    """How long elements stay zero and nonzero, all elements of a Jacobian together.

    Args:
        durations: tables of kind ``durations``, merged, one per environment and behaviour.
        strides: tables of kind ``strides`` of the same, in the same order.

    Returns:
        ``SCHEMA``: Kaplan and Meier's median and mean (see ``dynsparse.sparsity.survival``), beside
        the mean as the paper takes it; then the same for an observer who sees only every
        n-th step. Seconds are control steps times the control step's length. The range
        over seeds is that of the mean in control steps; where two ranges overlap nothing is
        said to differ.
    """
    rows = []
    for fine, coarse in zip(durations, strides, strict=True):
        dt = metadata_of(fine)["control_dt_s"]
        levels = {1: fine}
        for stride in sorted(pc.unique(coarse["stride"]).to_pylist()):
            levels[stride] = coarse.filter(pc.equal(coarse["stride"], stride))
        for jacobian, zero in product(("state", "action"), (True, False)):
            for stride, table in levels.items():
                chosen = table.filter(pc.equal(table["jacobian"], jacobian))
                row = _row(chosen, zero, dt * stride)
                head = {"jacobian": jacobian, "every_nth_step": stride}
                rows += [_case(fine) | head | row] if row["runs"] else []
    return item(rows, SCHEMA, "table_durations", [*durations, *strides])


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
