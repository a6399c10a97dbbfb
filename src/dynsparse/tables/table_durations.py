"""Durations with censored runs treated as such, per case, element and step (section 5.3)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.patterns import byte_rows, unpack
from dynsparse.sparsity.survival import NOTHING, Survival, memoryless, naive_mean, survival
from dynsparse.storage.tables import metadata_of
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
        ("seeds_lowest_ratio", pa.float64()),
        ("seeds_highest_ratio", pa.float64()),
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
NAMES = ("jacobian", "row_name", "column_name")


def table_durations(strides: Sequence[pa.Table]) -> pa.Table:
    """How long elements stay zero and nonzero, all elements of a Jacobian together.

    Args:
        strides: tables of kind ``strides``, merged, one per environment and behaviour.

    Returns:
        ``SCHEMA``: Kaplan and Meier's median and mean (see ``dynsparse.sparsity.survival``), beside
        the mean as the paper takes it; then the same for an observer who sees only every
        n-th step, and ``memoryless_mean_steps``, what he would see of a switch without memory
        that has the means of every step. Seconds are steps times their length. The ranges over
        seeds are those of the mean in steps, and of its ratio to that of a switch without memory.
    """
    rows = [row for table in strides for row in _rows(table)]
    return item(rows, SCHEMA, "table_durations", strides)


# Estimates by what runs are of (zeros or not) and by stride.
Estimates = dict[tuple[bool, int], Survival]


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    dt, seeds = metadata_of(table)["control_dt_s"], pc.unique(table["seed"]).to_pylist()
    for jacobian in ("state", "action"):
        chosen = table.filter(pc.equal(table["jacobian"], jacobian))
        levels = {
            stride: chosen.filter(pc.equal(chosen["stride"], stride))
            for stride in sorted(pc.unique(table["stride"]).to_pylist())
        }
        pooled = _fitted(levels)
        apart = [_fitted(levels, seed) for seed in seeds]
        for zero, stride in product((True, False), levels):
            found = pooled[zero, stride]
            if found.runs:
                head = {"jacobian": jacobian, "every_nth_step": stride}
                row = _measures(found, levels[stride], zero, dt * stride)
                yield _case(table) | head | row | _compared(pooled, apart, zero, stride)


def _fitted(levels: Mapping[int, pa.Table], seed: int | None = None) -> Estimates:
    """Every estimate once, of one seed or of all."""
    return {
        (zero, stride): survival(
            table if seed is None else table.filter(pc.equal(table["seed"], seed)), zero
        )
        for stride, table in levels.items()
        for zero in (True, False)
    }


def _compared(
    pooled: Estimates, apart: Sequence[Estimates], zero: bool, stride: int
) -> dict[str, Any]:
    """The mean of a switch without memory; the range over seeds of the mean, and of their ratio."""
    means = [found[zero, stride].mean for found in apart if found[zero, stride].runs]
    pairs = [(found[zero, stride], _expected(found, zero, stride)) for found in apart]
    ratios = [found.mean / against for found, against in pairs if found.runs and against]
    return {
        "memoryless_mean_steps": _expected(pooled, zero, stride),
        "seeds_lowest_mean": min(means, default=None),
        "seeds_highest_mean": max(means, default=None),
        "seeds_lowest_ratio": min(ratios, default=None),
        "seeds_highest_ratio": max(ratios, default=None),
    }


def _expected(fitted: Estimates, zero: bool, stride: int) -> float | None:
    """What a switch without memory shows; unknown where zeros or nonzeros were not seen to end."""
    found = [fitted.get((side, 1), NOTHING) for side in (zero, not zero)]
    if any(each.cut_share == 1 or not each.runs for each in found):
        return None
    expected = memoryless(found[0].mean, found[1].mean, stride)
    return expected if np.isfinite(expected) else None


def table_element_durations(
    durations: Sequence[pa.Table], occurrences: Sequence[pa.Table]
) -> pa.Table:
    """The same element by element; elements that are always zero together share a row.

    Args:
        durations: tables of kind ``durations``, merged, one per environment and behaviour.
        occurrences: tables of kind ``occurrences`` of the same, in the same order.

    Returns:
        ``ELEMENT_SCHEMA``, for elements that switch at least once inside an episode: ``elements``
        are zero in exactly the same samples, and the names are those of the first of them.
    """
    rows = []
    for table, patterns in zip(durations, occurrences, strict=True):
        dt = metadata_of(table)["control_dt_s"]
        for jacobian in ("state", "action"):
            elements = _elements(table, jacobian)
            for members in zero_together(patterns, jacobian):
                first = elements[members[0]]
                if not _switches(first):
                    continue
                names = {key: first[key][0].as_py() for key in NAMES}
                head = {**_case(table), **names, "elements": len(members)}
                rows += [
                    head | _measures(survival(first, zero), first, zero, dt)
                    for zero in (True, False)
                ]
    return item(rows, ELEMENT_SCHEMA, "table_element_durations", [*durations, *occurrences])


def zero_together(occurrences: pa.Table, jacobian: str) -> list[list[int]]:
    """Elements of a Jacobian (numbered row by row) in groups that are zero in the same samples.

    Every pattern that occurs is in the table, so elements are alike if they are in all of these.
    """
    packed = byte_rows(pc.unique(occurrences[f"{jacobian}_pattern"]))
    zero = unpack(packed, metadata_of(occurrences)["elements"][jacobian] if len(packed) else 0)
    groups: dict[bytes, list[int]] = {}
    for number, column in enumerate(zero.T):
        groups.setdefault(column.tobytes(), []).append(number)
    return list(groups.values())


def _elements(table: pa.Table, jacobian: str) -> list[pa.Table]:
    """The runs of each element of a Jacobian, row by row."""
    keys = [("row", "ascending"), ("column", "ascending")]
    ordered = table.filter(pc.equal(table["jacobian"], jacobian)).sort_by(keys)
    place = np.stack([ordered["row"].to_numpy(), ordered["column"].to_numpy()])
    edges = np.flatnonzero(np.diff(place, prepend=-1, append=-1).any(axis=0))
    return [ordered.slice(a, b - a) for a, b in zip(edges[:-1], edges[1:], strict=True)]


def _switches(runs: pa.Table) -> bool:
    return not pc.all(pc.and_(runs["cut_start"], runs["cut_end"])).as_py()


def _measures(found: Survival, table: pa.Table, zero: bool, dt: float) -> dict[str, Any]:
    naive = naive_mean(table, zero)
    row: dict[str, Any] = {
        "runs_of": "zero" if zero else "nonzero",
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
