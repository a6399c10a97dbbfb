"""Table 1 seed by seed, with mean sparsities and their intervals (section 5.1)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.intervals import Interval, ratio, units
from dynsparse.sparsity.merging import at_threshold
from dynsparse.tables.writing import item

ALL = "all"
SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.string()),
        ("samples", pa.int64()),
        ("state_zero_elements", pa.int64()),
        ("action_zero_elements", pa.int64()),
        ("mean_state_sparsity", pa.float64()),
        ("state_low", pa.float64()),
        ("state_high", pa.float64()),
        ("mean_action_sparsity", pa.float64()),
        ("action_low", pa.float64()),
        ("action_high", pa.float64()),
    ]
)


def table_1_seeds(
    elements: Sequence[pa.Table], steps: Sequence[pa.Table], threshold: float
) -> pa.Table:
    """Always-zero elements and mean sparsity of each seed, and of all seeds together.

    Args:
        elements: tables of kind ``elements``, merged, one per environment and behaviour.
        steps: tables of kind ``steps`` of the same, in the same order.
        threshold: zero means ``|x| < threshold``; the one that ``steps`` were measured at.

    Returns:
        ``SCHEMA``: a row per seed, then a row ``all``. The limits are a 95 % bootstrap interval
        of the mean over seeds; null with fewer than five seeds, whose rows tell how they differ.
    """
    rows = []
    for counted, measured in zip(elements, steps, strict=True):
        counts = at_threshold(counted, threshold)
        for seed in sorted(pc.unique(counts["seed"]).to_pylist()):
            of_seed = [t.filter(pc.equal(t["seed"], seed)) for t in (counts, measured)]
            rows.append(_row(str(seed), *of_seed))
        rows.append(_row(ALL, counts, measured))
    return item(rows, SCHEMA, "table_1_seeds", [*elements, *steps])


def sparsity_interval(steps: pa.Table, jacobian: str) -> Interval:
    """Mean sparsity of one Jacobian over samples, with its interval."""
    ok = steps.filter(steps["jacobian_ok"])
    unit = units(ok["seed"].to_numpy())
    zeros = ok[f"{jacobian}_zeros"].to_numpy().astype(float)
    possible = ok[f"{jacobian}_elements"].to_numpy().astype(float)
    return ratio(np.bincount(unit, zeros), np.bincount(unit, possible))


def always_zero(counts: pa.Table, jacobian: str) -> int:
    """Elements of one Jacobian that are zero in every sample of all seeds in ``counts``."""
    rows = counts.filter(pc.equal(counts["jacobian"], jacobian))
    sums = rows.group_by(["row", "column"]).aggregate([("zeros", "sum"), ("samples", "sum")])
    whole = pc.equal(sums["zeros_sum"], sums["samples_sum"])
    return pc.sum(pc.and_(whole, pc.greater(sums["samples_sum"], 0))).as_py() or 0


def _row(seed: str, counts: pa.Table, steps: pa.Table) -> dict[str, Any]:
    state, action = (sparsity_interval(steps, jacobian) for jacobian in ("state", "action"))
    return {
        "environment": counts["environment"][0].as_py(),
        "behaviour": counts["behaviour"][0].as_py(),
        "seed": seed,
        "samples": pc.sum(steps["jacobian_ok"]).as_py() or 0,
        "state_zero_elements": always_zero(counts, "state"),
        "action_zero_elements": always_zero(counts, "action"),
        "mean_state_sparsity": known(state.mean),
        "state_low": known(state.low),
        "state_high": known(state.high),
        "mean_action_sparsity": known(action.mean),
        "action_low": known(action.low),
        "action_high": known(action.high),
    }


def known(value: float) -> float | None:
    """A number, or nothing for what is not a number."""
    return None if np.isnan(value) else float(value)
