"""What each learner finds of the graph and of the next state, in one table."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import (
    each_case,
    healthy,
    networks,
    select,
    series,
    trained,
)

# By what a learner is scored, and what stands in for one that is no network.
BY = ("model", "graph")
OF_ALL = (
    "skill",
    "exact_precision",
    "exact_recall",
    "exact_samples",
    "change_f1",
    "brier_score",
    "calibration_error",
    "pattern_agreement",
    "contact_agreement",
)
ENDS = ("", "_lowest", "_highest")
MEASURES = ("state_mse", "open_loop", "skill", "switching_skill", "switching_average_precision")

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("learner", pa.string()),
        ("told", pa.string()),
        ("scored_by", pa.string()),
        ("networks", pa.int64()),
        *((f"{name}{end}", pa.float64()) for name in MEASURES for end in ENDS),
        *((name, pa.float64()) for name in OF_ALL[1:]),
    ]
)

Row = dict[str, Any]


def table_architectures(
    curves: pa.Table, recovery: pa.Table, rollout: pa.Table, told: Mapping[str, str]
) -> pa.Table:
    """Every learner by its Jacobian, and by its own graph if it has one; then guesses.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        recovery: likewise of kind ``learning_recovery``, with the guesses.
        rollout: likewise of kind ``learning_rollout``.
        told: what each learner knows of the truth.

    Returns:
        ``SCHEMA``: means over networks (splits and seeds), with the lowest and the highest of the
        first few. ``open_loop`` is the median error after the most steps. ``skill`` is one minus
        wrong elements over those of the mean pattern. Guesses have their name for a learner.
    """
    rows: list[Row] = []
    for shared, (graphs, mine, ahead) in each_case(recovery, curves, rollout):
        rows += [shared | row for row in _rows(mine, graphs, ahead, told)]
    return with_metadata(pa.Table.from_pylist(rows, schema=SCHEMA), "table_architectures")


def _rows(
    curves: pa.Table, recovery: pa.Table, rollout: pa.Table, told: Mapping[str, str]
) -> Iterator[Row]:
    ends = trained(healthy(curves))
    horizon = pc.max(rollout["horizon"]).as_py()
    for name in networks(recovery):
        errors = means("state_mse", series(select(ends, learner=name), "test_state_mse"))
        last = select(rollout, learner=name, horizon=horizon)
        errors |= means("open_loop", series(last, "median_error"))
        for source in BY:
            mine = select(recovery, learner=name, source=source)
            if mine.num_rows:
                who = {"learner": name, "told": told[name], "scored_by": source}
                yield who | errors | _of_graph(mine)
    others = recovery.filter(pc.is_null(recovery["learner"]))
    for guess in sorted(pc.unique(others["source"]).to_pylist()):
        yield {"learner": guess, "scored_by": "guess"} | _of_graph(select(others, source=guess))


def _of_graph(rows: pa.Table) -> Row:
    """Scores of the graph, over all elements and over those that switch."""
    pooled = select(rows, regime="all", average="micro")
    every, switching = (select(pooled, elements=name) for name in ("all", "switching"))
    found: Row = {"networks": every.num_rows}
    found |= {name: _mean(series(every, name)) for name in OF_ALL[1:]}
    found |= means("skill", series(every, "skill"))
    found |= means("switching_skill", series(switching, "skill"))
    return found | means("switching_average_precision", series(switching, "average_precision"))


def means(name: str, values: np.ndarray) -> Row:
    """Mean, lowest and highest of what there is."""
    there = np.sort(values[~np.isnan(values)])
    if not len(there):
        return {}
    ends = (there.mean(), there[0], there[-1])
    return {f"{name}{end}": float(value) for end, value in zip(ENDS, ends, strict=True)}


def _mean(values: np.ndarray) -> float | None:
    return means("", values).get("")
