"""Measurements as tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dynsparse.learning.data.preparation import Prepared
from dynsparse.learning.training.history import History
from dynsparse.storage.tables import with_metadata

IDENTITY = [
    ("environment", pa.string()),
    ("behaviour", pa.string()),
    ("policies", pa.int32()),
    ("split", pa.string()),
    ("number", pa.int32()),
    ("learner", pa.string()),
    ("seed", pa.int64()),
]

# The last two are the same in every row of a seed: when its weights were the best on validation
# samples (``selection.trained``), and when it failed, null if never (``selection.healthy``).
FALLIBLE = [
    *IDENTITY,
    ("epoch", pa.int32()),
    ("chosen_epoch", pa.int32()),
    ("failed_epoch", pa.int32()),
]

# Errors in normalised units.
CURVES = pa.schema(
    [
        *FALLIBLE,
        ("training_loss", pa.float64()),
        ("validation_state_mse", pa.float64()),
        ("test_state_mse", pa.float64()),
        ("test_jacobian_mse", pa.float64()),
        ("test_jacobian_mae", pa.float64()),
    ]
)
# rmse is in the unit that the dimension's name states.
DIMENSIONS = pa.schema(
    [
        *FALLIBLE,
        ("dimension", pa.string()),
        ("rmse", pa.float64()),
        ("normalised_rmse", pa.float64()),
    ]
)
SPARSITY = pa.schema(
    [
        *FALLIBLE,
        ("threshold", pa.float64()),
        ("sparsity", pa.float64()),
        ("relative_sparsity", pa.float64()),
        ("precision", pa.float64()),
        ("recall", pa.float64()),
        ("true_sparsity", pa.float64()),
    ]
)
RECOVERY = pa.schema(
    [
        *IDENTITY,
        ("source", pa.string()),
        ("elements", pa.string()),
        ("regime", pa.string()),
        ("average", pa.string()),
        ("samples", pa.int64()),
        ("scored_elements", pa.int64()),
        ("base_rate", pa.float64()),
        ("auroc", pa.float64()),
        ("average_precision", pa.float64()),
        ("threshold", pa.float64()),
        ("f1", pa.float64()),
        ("hamming_distance", pa.float64()),
        # What follows is of ``graph_scores``; all but ``skill`` of all elements and samples alone.
        ("skill", pa.float64()),
        ("exact_precision", pa.float64()),
        ("exact_recall", pa.float64()),
        ("exact_samples", pa.float64()),
        ("change_precision", pa.float64()),
        ("change_recall", pa.float64()),
        ("change_f1", pa.float64()),
        ("brier_score", pa.float64()),
        ("calibration_error", pa.float64()),
        ("pattern_agreement", pa.float64()),
        ("contact_agreement", pa.float64()),
    ]
)
ROLLOUT = pa.schema(
    [
        *IDENTITY,
        ("horizon", pa.int32()),
        ("windows", pa.int64()),
        ("diverged", pa.int64()),
        ("median_error", pa.float64()),
        ("mean_error", pa.float64()),
    ]
)
SCHEMAS = {
    "curves": CURVES,
    "dimensions": DIMENSIONS,
    "sparsity": SPARSITY,
    "recovery": RECOVERY,
    "rollout": ROLLOUT,
}


def identity(prepared: Prepared, learner: str | None) -> dict[str, Any]:
    """The columns that the rows of one learner share; a policy is a dataset file."""
    origin, division = prepared.origin, prepared.division
    return {
        "environment": origin.environment,
        "behaviour": origin.behaviour,
        "policies": len(origin.sources),
        "split": division.kind,
        "number": division.number,
        "learner": learner,
    }


def as_table(kind: str, rows: Sequence[Mapping[str, Any]], **facts: Any) -> pa.Table:
    """Rows as a table of a kind of ``SCHEMAS``; columns that a row lacks, and NaN, are null."""
    plain = [{name: null(value) for name, value in row.items()} for row in rows]
    table = pa.Table.from_pylist(plain, schema=SCHEMAS[kind])
    return with_metadata(table, f"learning_{kind}", **facts)


def curve_rows(
    shared: Mapping[str, Any], seeds: Sequence[int | None], history: History
) -> list[dict[str, Any]]:
    """One row per seed and measured epoch."""
    return [
        {
            **who,
            "epoch": history.epoch[row],
            "training_loss": history.loss[row, number],
            "validation_state_mse": history.validation[row, number],
            "test_state_mse": history.squared[row, number].mean(),
            "test_jacobian_mse": history.jacobian_squared[row, number],
            "test_jacobian_mae": history.jacobian_absolute[row, number],
        }
        for number, who in _members(shared, seeds, history)
        for row in range(len(history.epoch))
    ]


def dimension_rows(
    shared: Mapping[str, Any],
    seeds: Sequence[int | None],
    history: History,
    names: Sequence[str],
    scale: np.ndarray,
) -> list[dict[str, Any]]:
    """One row per seed, measured epoch and dimension of the state.

    ``scale`` turns errors into units.
    """
    return [
        {
            **who,
            "epoch": history.epoch[row],
            "dimension": name,
            "rmse": root * scale[column],
            "normalised_rmse": root,
        }
        for number, who in _members(shared, seeds, history)
        for row in range(len(history.epoch))
        for column, name in enumerate(names)
        for root in [np.sqrt(history.squared[row, number, column])]
    ]


def sparsity_rows(
    shared: Mapping[str, Any],
    seeds: Sequence[int | None],
    history: History,
    thresholds: Sequence[float],
    true_sparsity: float,
) -> list[dict[str, Any]]:
    """One row per seed, measured epoch and threshold.

    ``precision`` is the share of the model's zeros that are true ones, ``recall`` the share of the
    true zeros that are the model's; null where there are none.
    """
    return [
        {
            **who,
            "epoch": history.epoch[row],
            "threshold": threshold,
            "sparsity": history.sparsity[row, number, column],
            "precision": _share(
                history.right[row, number, column], history.sparsity[row, number, column]
            ),
            "recall": _share(history.right[row, number, column], true_sparsity),
            "relative_sparsity": history.relative[row, number, column],
            "true_sparsity": true_sparsity,
        }
        for number, who in _members(shared, seeds, history)
        for row in range(len(history.epoch))
        for column, threshold in enumerate(thresholds)
    ]


def _members(
    shared: Mapping[str, Any], seeds: Sequence[int | None], history: History
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of each seed, and what all of its rows say."""
    ends = zip(seeds, history.epoch[history.chosen()], history.failed_epoch(), strict=True)
    for number, (seed, chosen, failed) in enumerate(ends):
        fate = {"chosen_epoch": int(chosen), "failed_epoch": None if failed < 0 else int(failed)}
        yield number, {**shared, "seed": seed, **fate}


def _share(part: Any, whole: Any) -> float | None:
    return float(part) / float(whole) if whole > 0 else None


def null(value: Any) -> Any:
    """Values as Python has them; what is no number becomes null."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value
