"""Learners held against each other: error, sparsity, zeros found, and open loop (section 5.4)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from dynsparse.scores.comparison import Spread, p_value, spread
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import (
    cases,
    healthy,
    learners,
    networks,
    numbers,
    of_case,
    per_split,
    select,
    splits,
    trained,
)
from dynsparse.tables.table_8 import EVERYWHERE, spread_columns, spread_values

# What a network is held against beside the reference.
CONTROLS = ("linear", "mean")

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("measure", pa.string()),
        ("at", pa.float64()),
        ("learner", pa.string()),
        ("against", pa.string()),
        ("units", pa.int64()),
        ("below", pa.int64()),
        *spread_columns("ratio"),
        ("p_value", pa.float64()),
    ]
)


class _Measured(NamedTuple):
    """A measure, the threshold or number of steps it is taken at, its column and its rows."""

    measure: str
    at: float | None
    column: str
    rows: pa.Table


def table_8_pairs(
    curves: pa.Table, sparsity: pa.Table, recovery: pa.Table, rollout: pa.Table, reference: str
) -> pa.Table:
    """Every network against the reference, the linear model and the training mean.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        sparsity: likewise of kind ``learning_sparsity``.
        recovery: likewise of kind ``learning_recovery``.
        rollout: likewise of kind ``learning_rollout``.
        reference: the learner that others are held against.

    Returns:
        ``SCHEMA``: the geometric mean of a network's ratio to what it is held against, each a
        geometric mean over seeds. ``units`` are the splits of an environment, or all environments
        (``EVERYWHERE``), each counting once; ``below`` says in how many the ratio is below one.
        With five independent units or more there is an interval, and the p-value of a sign-flip
        test; with fewer there are none, and the question is open. A unit without a positive value
        on either side leaves nothing to say of all.
    """
    share, zeros = "relative_sparsity", trained(healthy(sparsity))
    end = trained(healthy(curves))
    found = select(recovery, source="model", elements="all", regime="all", average="micro")
    measured = [
        _Measured("state_mse", None, "test_state_mse", end),
        _Measured("jacobian_mae", None, "test_jacobian_mae", end),
        _Measured("auroc", None, "auroc", found),
        _Measured("average_precision", None, "average_precision", found),
        *(
            _Measured("open_loop", steps, "median_error", select(rollout, horizon=steps))
            for steps in sorted(set(rollout["horizon"].to_pylist()))
        ),
        *(
            _Measured(share, limit, share, select(zeros, threshold=limit))
            for limit in sorted(set(sparsity["threshold"].to_pylist()))
        ),
    ]
    rows = [
        {"split": split, "measure": each.measure, "at": each.at, **row}
        for split in splits(end)
        for each in measured
        for row in _pairs(select(each.rows, split=split), each, reference)
    ]
    return with_metadata(pa.Table.from_pylist(rows, SCHEMA), "table_8_pairs")


def _pairs(table: pa.Table, each: _Measured, reference: str) -> Iterator[dict[str, Any]]:
    """Every network against the reference and controls, in each environment and over all."""
    # What a control has below a threshold is no choice of a loss.
    controls = () if each.measure == "relative_sparsity" else CONTROLS
    for name in networks(table):
        for other in (reference, *controls):
            if other != name and other in learners(table):
                yield from _pair(table, each.column, name, other)


def _pair(table: pa.Table, column: str, name: str, other: str) -> Iterator[dict[str, Any]]:
    shared, means = {"learner": name, "against": other}, []
    for case in cases(table):
        mine = of_case(table, case)
        sides = [
            per_split(select(mine, learner=learner), column, numbers(mine), log=True)
            for learner in (name, other)
        ]
        difference = sides[0] - sides[1]
        means.append(difference.mean())
        where = {"environment": case[0], "behaviour": case[1]}
        yield shared | where | _row(difference, mine["policies"][0].as_py())
    yield shared | {"environment": EVERYWHERE} | _row(np.array(means), len(means))


def _row(difference: np.ndarray, independent: int) -> dict[str, Any]:
    p = p_value(difference, independent)
    found = Spread(*np.exp(spread(difference, independent)))
    return {
        "units": len(difference),
        "below": int((difference < 0).sum()),
        **spread_values("ratio", found),
        "p_value": None if np.isnan(p) else p,
    }
