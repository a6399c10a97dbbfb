"""Planted measurements of the learning experiments, as tables."""

import pyarrow as pa

from dynsparse.learning.records import as_table
from dynsparse.learning.search import SCHEMA as SEARCH
from dynsparse.learning.selection import LOSSES
from dynsparse.sparsity.parquet import with_metadata

SEEDS = (1, 2, 3, 4)
# The error of each loss, times the environment's.
FACTOR = dict(zip(LOSSES, (1.0, 1.5, 0.5, 2.0, 1.0), strict=True))
LEVEL = {"Arm": 0.1, "Leg": 10.0}


def identities(losses=LOSSES):
    for environment in LEVEL:
        for split in ("episode", "sample"):
            for loss in losses:
                for seed in SEEDS:
                    yield {
                        "environment": environment,
                        "behaviour": "expert",
                        "split": split,
                        "loss": loss,
                        "seed": seed,
                    }


def fallible(failed):
    """Every seed, and whether it is one of those that failed (environment, loss, seed)."""
    for who in identities():
        gone = (who["environment"], who["loss"], who["seed"]) in failed
        yield {**who, "failed_epoch": 1 if gone else None}, gone


def curves(failed=()):
    """Seed k is k percent worse than the loss's level; a failed one has exploded."""
    rows = []
    for who, gone in fallible(failed):
        end = LEVEL[who["environment"]] * FACTOR[who["loss"]] * (1 + who["seed"] / 100)
        for epoch, error in ((0, 50.0), (1, 1e7 if gone else end)):
            rows.append(
                {
                    **who,
                    "epoch": epoch,
                    "test_state_mse": error,
                    "validation_state_mse": error,
                    "test_jacobian_mae": error,
                }
            )
    return as_table("curves", rows)


def sparsity(failed=()):
    """A failed seed has hardly an element below any threshold."""
    rows = [
        {
            **who,
            "epoch": epoch,
            "threshold": threshold,
            "sparsity": share,
            "relative_sparsity": 2 * share,
            "true_sparsity": 0.5,
            "precision": 0.75 if share else None,
            "recall": share * 0.75 / 0.5,
        }
        for who, gone in fallible(failed)
        for epoch in (0, 1)
        for threshold, usual in ((1e-6, 0.0 if epoch == 0 else 1e-4), (0.1, 0.3))
        for share in [1e-9 if gone and epoch else usual]
    ]
    return as_table("sparsity", rows)


def recovery(sources, losses, epoch):
    shared = {"elements": "all", "regime": "all", "average": "micro", "samples": 9}
    return [
        {**who, **shared, "epoch": epoch, "source": source, "scored_elements": 4}
        | {"base_rate": 0.25, "auroc": 0.5 + who["seed"] / 100, "average_precision": 0.3}
        for source in sources
        for who in identities(losses)
    ]


def scores():
    return as_table("recovery", recovery(["model"], LOSSES, 0) + recovery(["model"], LOSSES, 1))


def searched(**columns):
    """Test errors by depth: deeper is worse, and the last training of each environment failed.

    By validation error two layers are best.
    """
    rows = [
        {
            "environment": environment,
            "behaviour": "expert",
            "run": columns.get("run", "depth"),
            "seed": seed,
            "depth": depth,
            "activation": "elu",
            "validation_state_mse": None if failed else abs(depth - 2) * level + seed,
            "test_state_mse": None if failed else depth * level + seed,
            "auroc": 0.5 + depth / 10,
        }
        for environment, level in (("Arm", 1e3), ("Leg", 1e6))
        for depth in (1, 2, 3)
        for seed in (1, 2)
        for failed in [(depth, seed) == (3, 2)]
    ]
    return with_metadata(pa.Table.from_pylist(rows, schema=SEARCH), "learning_search")


def rollouts(diverged=()):
    """Errors grow by a tenth per step; (loss, seed) diverge after five."""
    rows = [
        {**who, "source": "model", "horizon": steps, "median_error": steps / 10}
        for who in identities()
        if who["split"] == "episode"
        for steps in (1, 5, 20)
    ]
    rows += [
        {**row, "source": "persistence", "seed": None} for row in rows if row["seed"] == SEEDS[0]
    ]
    for row in rows:
        if (row["loss"], row["seed"]) in diverged and row["horizon"] >= 5:
            row["median_error"] = float("inf")
    return as_table("rollout", rows)
