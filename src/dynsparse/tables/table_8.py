"""The numbers behind Figure 8: errors and sparsity of every learner (section 5.4)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.scores.comparison import Spread, spread
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import (
    cases,
    healthy,
    learners,
    numbers,
    of_case,
    per_split,
    seeds,
    select,
    series,
    splits,
    trained,
)

# A network still improves if its last tenth lowers the validation error by more than this share.
# A rate that falls to nothing may gain a few percent at the end, however long it falls.
IMPROVEMENT = 0.05
# Rows over all environments.
EVERYWHERE = "all"


def spread_columns(name: str) -> list[tuple[str, pa.DataType]]:
    """A mean, its range, and the interval that there is with five independent units or more."""
    return [(f"{name}{end}", pa.float64()) for end in ("", "_lowest", "_highest", "_low", "_high")]


def spread_values(name: str, found: Spread) -> dict[str, float | None]:
    """The values of ``spread_columns``."""
    names = [column for column, _ in spread_columns(name)]
    return {n: None if np.isnan(v) else float(v) for n, v in zip(names, found, strict=True)}


SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("learner", pa.string()),
        ("policies", pa.int64()),
        ("splits", pa.int64()),
        ("seeds", pa.int64()),
        ("failed", pa.int64()),
        ("failures", pa.string()),
        ("chosen_epoch", pa.float64()),
        ("still_improving", pa.int64()),
        *spread_columns("state_mse"),
        *spread_columns("jacobian_mae"),
        ("relative_sparsity_initial", pa.float64()),
        *spread_columns("relative_sparsity"),
    ]
)


def table_8(curves: pa.Table, sparsity: pa.Table, threshold: float, reference: str) -> pa.Table:
    """Test errors and relative sparsity by kind of split, environment and learner.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        sparsity: likewise of kind ``learning_sparsity``.
        threshold: below which an element of a model's Jacobian is zero.
        reference: the learner whose errors the others are divided by over all environments.

    Returns:
        ``SCHEMA``: means over splits, of means over seeds. Rows of ``EVERYWHERE`` are means over
        environments, of errors divided by those of ``reference`` there. ``failures`` names
        each failed seed; these are in no mean. ``still_improving`` counts the networks whose best
        validation error fell by more than ``IMPROVEMENT`` in the last tenth of the training.
    """
    zeros = select(sparsity, threshold=threshold)
    rows: list[dict[str, Any]] = []
    for split in splits(curves):
        mine, its_zeros = select(curves, split=split), select(zeros, split=split)
        of_environments = [
            {"split": split, "environment": case[0], "behaviour": case[1], **row}
            for case in cases(mine)
            for row in _of_environment(of_case(mine, case), of_case(its_zeros, case))
        ]
        rows += of_environments
        rows += [
            {"split": split, "environment": EVERYWHERE, "learner": name} | row
            for name in learners(mine)
            for row in [_everywhere(of_environments, name, reference)]
        ]
    return with_metadata(pa.Table.from_pylist(rows, SCHEMA), "table_8", threshold=threshold)


def _of_environment(curves: pa.Table, zeros: pa.Table) -> Iterator[dict[str, Any]]:
    """A row for each learner of one environment and kind of split."""
    wanted, policies = numbers(curves), curves["policies"][0].as_py()
    for name in learners(curves):
        mine = select(curves, learner=name)
        fine, its_zeros = healthy(mine), healthy(select(zeros, learner=name))
        end = trained(fine)

        def over_splits(table: pa.Table, column: str) -> Spread:
            return spread(per_split(table, column, wanted), policies)

        begin = over_splits(select(its_zeros, epoch=0), "relative_sparsity").mean
        yield {
            "learner": name,
            "policies": policies,
            "splits": len(wanted),
            "seeds": len(seeds(mine)),
            **_failures(trained(mine)),
            **_stopping(fine),
            **spread_values("state_mse", over_splits(end, "test_state_mse")),
            **spread_values("jacobian_mae", over_splits(end, "test_jacobian_mae")),
            "relative_sparsity_initial": None if np.isnan(begin) else begin,
            **spread_values(
                "relative_sparsity", over_splits(trained(its_zeros), "relative_sparsity")
            ),
        }


def _failures(end: pa.Table) -> dict[str, Any]:
    """How many networks failed, and which."""
    gone = sorted(
        (row["number"], row["seed"], row["failed_epoch"])
        for row in end.to_pylist()
        if row["failed_epoch"] is not None
    )
    named = (f"split {number}: seed {seed} in epoch {epoch}" for number, seed, epoch in gone)
    return {"failed": len(gone), "failures": "; ".join(named)}


def _stopping(curves: pa.Table) -> dict[str, Any]:
    """When weights were chosen, and whether it was too early. A control is not trained."""
    if not len(curves) or not pc.max(curves["epoch"]).as_py():
        return {"chosen_epoch": None, "still_improving": 0}
    return {
        "chosen_epoch": float(np.median(trained(curves)["chosen_epoch"])),
        "still_improving": sum(
            _improving(select(curves, number=number, seed=seed))
            for number in numbers(curves)
            for seed in seeds(curves)
        ),
    }


def _improving(curve: pa.Table) -> bool:
    """Whether the last tenth of one network's training still found something better."""
    epoch, error = series(curve, "epoch"), series(curve, "validation_state_mse")
    late = epoch > 0.9 * epoch.max(initial=0)
    best_before, best_late = (error[which].min(initial=np.inf) for which in (~late, late))
    return bool(best_late < (1 - IMPROVEMENT) * best_before)


def _everywhere(rows: list[dict[str, Any]], name: str, reference: str) -> dict[str, Any]:
    """A learner over all environments: each one's ratio to the reference, and its sparsity."""
    mine = [row for row in rows if row["learner"] == name]
    base = [row for row in rows if row["learner"] == reference]
    found = {"policies": None, "splits": mine[0]["splits"], "seeds": mine[0]["seeds"]}
    found |= {key: sum(row[key] for row in mine) for key in ("failed", "still_improving")}
    for column in ("state_mse", "jacobian_mae"):
        ratios = _numbers(mine, column) / _numbers(base, column)
        found |= spread_values(column, spread(ratios, len(ratios)))
    shares = _numbers(mine, "relative_sparsity")
    return found | spread_values("relative_sparsity", spread(shares, len(shares)))


def _numbers(rows: list[dict[str, Any]], column: str) -> np.ndarray:
    return np.array([np.nan if row[column] is None else row[column] for row in rows], float)
