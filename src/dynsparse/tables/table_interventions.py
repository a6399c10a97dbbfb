"""Is a learner disturbed by what does not matter? Errors where one input has been moved."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import each_case, healthy, learners, numbers, seeds, select, series
from dynsparse.tables.table_architectures import ENDS, means

COUNTS = ("samples", "unrepeated", "interventions", "out_of_range", "blown_up", "outputs_unmoved")
MEASURES = ("unmoved_mse", "recorded_mse", "ratio", "intervened_mse")
Row = dict[str, Any]

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("learner", pa.string()),
        ("told", pa.string()),
        ("sigmas", pa.float64()),
        ("seeds", pa.int64()),
        *((name, pa.int64()) for name in COUNTS),
        ("zeros_percent", pa.float64()),
        *((f"{name}{end}", pa.float64()) for name in MEASURES for end in ENDS),
    ]
)


def table_interventions(
    interventions: pa.Table, curves: pa.Table, told: Mapping[str, str]
) -> pa.Table:
    """Errors of every learner at moved inputs, one row per case, learner and size of the move.

    Args:
        interventions: tables of kind ``learning_interventions`` of all environments and learners.
        curves: likewise of kind ``learning_curves``, which know the seeds that failed.
        told: what each network knows of the truth.

    Returns:
        ``SCHEMA``: means over networks (splits and seeds) that did not fail, with the lowest and
        the highest. ``ratio`` is the geometric mean of ``unmoved_mse`` over ``recorded_mse`` of
        each network; null where one of these is zero or missing. Counts are of all splits.
        ``zeros_percent`` is the share of the unmoved outputs whose element of the Jacobian is zero.
    """
    rows: list[Row] = []
    for shared, (mine, trainings) in each_case(interventions, curves):
        rows += [shared | row for row in _rows(mine, trainings, told)]
    return with_metadata(pa.Table.from_pylist(rows, schema=SCHEMA), "table_interventions")


def _rows(mine: pa.Table, curves: pa.Table, told: Mapping[str, str]) -> Iterator[Row]:
    for name in learners(mine):
        fine = set(_keys(select(healthy(curves), learner=name)))
        for sigmas in sorted(pc.unique(mine["sigmas"]).to_pylist()):
            found = select(mine, learner=name, sigmas=sigmas)
            kept = found.filter(pa.array([key in fine for key in _keys(found)], pa.bool_()))
            yield {
                "learner": name,
                "told": told.get(name),
                "sigmas": sigmas,
                "seeds": len(seeds(kept)),
                **_counts(found),
                **_errors(kept),
            }


def _counts(found: pa.Table) -> Row:
    """Of all splits: they are the same for all seeds."""
    first = [select(found, number=number).slice(0, 1) for number in numbers(found)]
    once = pa.concat_tables(first)
    row = {name: pc.sum(once[name]).as_py() for name in (*COUNTS, "zeros_unmoved")}
    zeros, still = row.pop("zeros_unmoved"), row["outputs_unmoved"]
    return row | {"zeros_percent": 100 * zeros / still if still else None}


def _errors(kept: pa.Table) -> Row:
    moved, recorded = (series(kept, name) for name in ("unmoved_mse", "recorded_mse"))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(moved) - np.log(recorded)
    ratio = means("ratio", np.where(np.isfinite(logs), logs, np.nan))
    row = {name: float(np.exp(value)) for name, value in ratio.items()}
    for name in ("unmoved_mse", "recorded_mse", "intervened_mse"):
        row |= means(name, series(kept, name))
    return row


def _keys(table: pa.Table) -> Iterator[tuple[int, int | None]]:
    """Split and seed of each row."""
    return zip(table["number"].to_pylist(), table["seed"].to_pylist(), strict=True)
