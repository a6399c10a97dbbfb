"""What a given graph is worth: errors by mask and number of samples, beside the same network."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.learning.learners import Section, Series, series_of
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import (
    each_case,
    healthy,
    networks,
    ordered,
    select,
    series,
    trained,
)
from dynsparse.tables.table_architectures import ENDS, means

MEASURES = ("state_mse", "open_loop", "state_mse_ratio", "open_loop_ratio")
Row = dict[str, Any]

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("learner", pa.string()),
        ("mask", pa.string()),
        ("samples", pa.int64()),
        ("told", pa.string()),
        ("networks", pa.int64()),
        *((f"{name}{end}", pa.float64()) for name in MEASURES for end in ENDS),
        ("exact_precision", pa.float64()),
        ("exact_recall", pa.float64()),
    ]
)


def table_value(
    curves: pa.Table,
    recovery: pa.Table,
    rollout: pa.Table,
    section: Section,
) -> pa.Table:
    """Errors of every learner, alone and over those of the network without a mask.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        recovery: likewise of kind ``learning_recovery``.
        rollout: likewise of kind ``learning_rollout``.
        section: the configuration's ``learning``, by which learners are told apart.

    Returns:
        ``SCHEMA``: means over networks (splits and seeds), with the lowest and the highest. A
        ratio is the geometric mean of each network's over that of the same split and seed; its
        ends are the lowest and the highest. ``open_loop`` is the median error after the most steps.
    """
    compared = series_of(section)
    rows: list[Row] = []
    for shared, (mine, graphs, ahead) in each_case(curves, recovery, rollout):
        rows += [shared | row for row in _rows(mine, graphs, ahead, compared)]
    return with_metadata(pa.Table.from_pylist(rows, schema=SCHEMA), "table_value")


def _rows(
    curves: pa.Table, recovery: pa.Table, rollout: pa.Table, compared: Mapping[str, Series]
) -> Iterator[Row]:
    ends = trained(healthy(curves))
    last = select(rollout, horizon=pc.max(rollout["horizon"]).as_py())
    measured = {"state_mse": (ends, "test_state_mse"), "open_loop": (last, "median_error")}
    whole = {"source": "model", "elements": "all", "regime": "all", "average": "micro"}
    for name in networks(curves):
        of = compared[name]
        row: Row = {"learner": name, "mask": of.label, "samples": of.samples, "told": of.told}
        row["networks"] = select(ends, learner=name).num_rows
        for measure, (table, column) in measured.items():
            mine = _by_network(select(table, learner=name), column)
            row |= means(measure, np.array(list(mine.values())))
            base = _by_network(select(table, learner=of.against), column)
            row |= _ratios(f"{measure}_ratio", mine, base)
        exact = select(recovery, learner=name, **whole)
        for column in ("exact_precision", "exact_recall"):
            row |= {column: means("", series(exact, column)).get("")}
        yield row


def _by_network(table: pa.Table, column: str) -> dict[tuple[int, int], float]:
    """A value for each split and seed."""
    table = ordered(table)
    keys = zip(table["number"].to_pylist(), table["seed"].to_pylist(), strict=True)
    return dict(zip(keys, series(table, column), strict=True))


def _ratios(
    name: str, mine: Mapping[tuple[int, int], float], base: Mapping[tuple[int, int], float]
) -> Row:
    both = [key for key in mine if key in base]
    if not both:
        return {}
    found = np.log([mine[key] / base[key] for key in both])
    return {key: float(np.exp(value)) for key, value in means(name, found).items()}
