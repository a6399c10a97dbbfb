"""The numbers behind Figure 8: errors and sparsity by loss, with intervals (section 5.4)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from dynsparse.learning.comparison import (
    Interval,
    mean_over_environments,
    mean_over_seeds,
    paired_difference,
)
from dynsparse.learning.selection import (
    cases,
    healthy,
    losses,
    of_case,
    per_seed,
    seeds,
    select,
    splits,
    trained,
)
from dynsparse.sparsity.parquet import with_metadata

REFERENCE = "state"
EVERYWHERE = "all"

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("loss", pa.string()),
        ("seeds", pa.int64()),
        ("failed_seeds", pa.int64()),
        ("failures", pa.string()),
        ("state_mse", pa.float64()),
        ("state_mse_low", pa.float64()),
        ("state_mse_high", pa.float64()),
        ("jacobian_mae", pa.float64()),
        ("relative_sparsity_initial", pa.float64()),
        ("relative_sparsity", pa.float64()),
        ("relative_sparsity_low", pa.float64()),
        ("relative_sparsity_high", pa.float64()),
    ]
)

PAIRS = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("measure", pa.string()),
        ("threshold", pa.float64()),
        ("loss", pa.string()),
        ("against", pa.string()),
        ("pairs", pa.int64()),
        ("ratio", pa.float64()),
        ("ratio_low", pa.float64()),
        ("ratio_high", pa.float64()),
        ("p_value", pa.float64()),
    ]
)


def table_8(curves: pa.Table, sparsity: pa.Table, threshold: float) -> pa.Table:
    """Test error and relative sparsity of the trained models, by split, environment and loss.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and losses.
        sparsity: likewise of kind ``learning_sparsity``.
        threshold: below which an element of a model's Jacobian is zero.

    Returns:
        ``SCHEMA``: means over seeds with 95 % bootstrap intervals. Rows of ``EVERYWHERE`` hold the
        interquartile mean over environments and seeds, of errors relative to the environment's
        mean under ``state``. ``failures`` names each failed seed and its epoch; these are in no
        mean.
    """
    end, zeros = trained(curves), healthy(select(sparsity, threshold=threshold))
    rows: list[dict[str, Any]] = []
    for split in splits(end):
        mine, its_zeros = select(end, split=split), select(zeros, split=split)
        for case in cases(mine):
            rows += [
                {"split": split, "environment": case[0], "behaviour": case[1], "loss": loss, **row}
                for loss, row in _of_environment(of_case(mine, case), of_case(its_zeros, case))
            ]
        rows += [
            {"split": split, "environment": EVERYWHERE, "loss": loss, **row}
            for loss, row in _everywhere(mine, its_zeros)
        ]
    return with_metadata(pa.Table.from_pylist(_plain(rows), SCHEMA), "table_8", threshold=threshold)


def table_8_pairs(curves: pa.Table, sparsity: pa.Table, recovery: pa.Table) -> pa.Table:
    """Each loss against ``state``, paired by seed: error, sparsity and recovery of the zeros.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and losses.
        sparsity: likewise of kind ``learning_sparsity``.
        recovery: likewise of kind ``learning_recovery``.

    Returns:
        ``PAIRS``: the geometric mean of the ratio of a loss's models to those of the same seed
        under ``state``, its 95 % bootstrap interval, and the p-value of a sign-flip test; by
        environment and over all of them (``EVERYWHERE``), relative sparsity at every threshold.
        Pairs without a single zero on a side have no ratio.
    """
    end, zeros = trained(healthy(curves)), trained(healthy(sparsity))
    scores = {"source": "model", "elements": "all", "regime": "all", "average": "micro"}
    found = select(trained(recovery), **scores)
    limits = sorted(set(sparsity["threshold"].to_pylist()))
    measured: list[tuple[str, float | None, pa.Table]] = [
        ("test_state_mse", None, end),
        *(("relative_sparsity", limit, select(zeros, threshold=limit)) for limit in limits),
        ("average_precision", None, found),
    ]
    rows = [
        {"split": split, "measure": measure, "threshold": limit, **row}
        for split in splits(end)
        for measure, limit, table in measured
        for row in _by_environment(select(table, split=split), measure)
    ]
    return with_metadata(pa.Table.from_pylist(_plain(rows), PAIRS), "table_8_pairs")


def _of_environment(end: pa.Table, zeros: pa.Table) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of one environment and split; ``zeros`` are of seeds that did not fail."""
    numbers = seeds(end)
    for loss in losses(end):
        mine, its_zeros = select(end, loss=loss), select(zeros, loss=loss)
        failed = {
            row["seed"]: row["failed_epoch"]
            for row in mine.to_pylist()
            if row["failed_epoch"] is not None
        }
        fine = healthy(mine)
        error = mean_over_seeds(per_seed(fine, "test_state_mse", numbers))
        share = mean_over_seeds(per_seed(trained(its_zeros), "relative_sparsity", numbers))
        begin = per_seed(select(its_zeros, epoch=0), "relative_sparsity", numbers)
        yield (
            loss,
            {
                "seeds": len(numbers),
                "failed_seeds": len(failed),
                "failures": "; ".join(f"seed {s} in epoch {e}" for s, e in sorted(failed.items())),
                **_named("state_mse", error),
                "jacobian_mae": mean_over_seeds(
                    per_seed(fine, "test_jacobian_mae", numbers)
                ).estimate,
                "relative_sparsity_initial": mean_over_seeds(begin).estimate,
                **_named("relative_sparsity", share),
            },
        )


def _everywhere(end: pa.Table, zeros: pa.Table) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows over all environments of a split; ``zeros`` are of seeds that did not fail."""
    numbers, fine, final = seeds(end), healthy(end), trained(zeros)
    for loss in losses(end):
        errors, shares = [], []
        for case in cases(end):
            mine = of_case(fine, case)
            base = per_seed(select(mine, loss=REFERENCE), "test_state_mse", numbers)
            error = per_seed(select(mine, loss=loss), "test_state_mse", numbers)
            errors.append(error / _mean(base))
            its_zeros = select(of_case(final, case), loss=loss)
            shares.append(per_seed(its_zeros, "relative_sparsity", numbers))
        failed = sum(e is not None for e in select(end, loss=loss)["failed_epoch"].to_pylist())
        yield (
            loss,
            {
                "seeds": len(numbers),
                "failed_seeds": failed,
                **_named("state_mse", mean_over_environments(errors)),
                **_named("relative_sparsity", mean_over_environments(shares)),
            },
        )


def _by_environment(table: pa.Table, measure: str) -> Iterator[dict[str, Any]]:
    """Every loss against the reference, in each environment and over all of them."""
    for case in cases(table):
        where = {"environment": case[0], "behaviour": case[1]}
        yield from (where | row for row in _pairs(table, [case], measure))
    yield from ({"environment": EVERYWHERE} | row for row in _pairs(table, cases(table), measure))


def _pairs(
    table: pa.Table, members: list[tuple[str, str]], measure: str
) -> Iterator[dict[str, Any]]:
    """Every loss against the reference, over some environments."""
    numbers = seeds(table)
    for loss in losses(table):
        if loss == REFERENCE:
            continue
        sides = [
            [_log(select(of_case(table, case), loss=each), measure, numbers) for case in members]
            for each in (loss, REFERENCE)
        ]
        found = paired_difference(*sides)
        yield {
            "loss": loss,
            "against": REFERENCE,
            "pairs": found.pairs,
            **_named("ratio", Interval(*np.exp(found.interval))),
            "p_value": found.p_value,
        }


def _log(table: pa.Table, measure: str, numbers: list[int]) -> np.ndarray:
    values = per_seed(table, measure, numbers)
    return np.log(np.where(values > 0, values, np.nan))


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _named(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in which what is no number is missing."""
    return [
        {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}
        for row in rows
    ]
