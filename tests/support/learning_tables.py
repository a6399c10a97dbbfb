"""Planted measurements of the learning experiments, as tables."""

import pyarrow as pa

from dynsparse.learning.jobs.search import SCHEMA as SEARCH
from dynsparse.learning.scoring.records import as_table
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import CONTROLS

SEEDS = (1, 2, 3, 4)
POLICIES = 2
NUMBERS = {"episode": (0, 1), "sample": (0,)}
LOSSES = (
    "state",
    "state-jacobian",
    "state-jacobian-l1",
    "state-jacobian-l1-regularizer",
    "state-jacobian-l1-sparse-only",
)
LEARNERS = (*LOSSES, *CONTROLS)
# Untrained, all are the same network.
TWINS = [list(LOSSES)]
# The error of each learner, times the environment's, and the split's.
FACTOR = dict(zip(LEARNERS, (1.0, 1.5, 0.5, 2.0, 1.0, 0.8, 5.0, 3.0), strict=True))
LEVEL = {"Arm": 0.1, "Leg": 10.0}
HARDER = {0: 1.0, 1: 4.0}


def identities(learners=LEARNERS, policies=POLICIES):
    for environment in LEVEL:
        for split, numbers in NUMBERS.items():
            for number in numbers:
                for learner in learners:
                    for seed in [None] if learner in CONTROLS else SEEDS:
                        yield {
                            "environment": environment,
                            "behaviour": "expert",
                            "policies": policies,
                            "split": split,
                            "number": number,
                            "learner": learner,
                            "seed": seed,
                        }


def fallible(failed=(), **changes):
    """Every model at each epoch, and whether it is one that failed (environment, learner, seed).

    Networks end at epoch 2 and were best at epoch 1.
    """
    for who in identities(**changes):
        gone = (who["environment"], who["learner"], who["seed"]) in failed
        control = who["learner"] in CONTROLS
        fate = {"chosen_epoch": 0 if control else 1, "failed_epoch": 1 if gone else None}
        for epoch in (0,) if control else (0, 1, 2):
            yield {**who, **fate, "epoch": epoch}, gone, control or epoch == 1


def level(who):
    """Seed k is k percent worse than the learner's level; a control has none."""
    seed = (who["seed"] or 0) / 100
    return LEVEL[who["environment"]] * HARDER[who["number"]] * FACTOR[who["learner"]] * (1 + seed)


def curves(failed=(), **changes):
    """A failed seed has exploded."""
    rows = []
    for who, gone, best in fallible(failed, **changes):
        error = (1e7 if gone else level(who)) if best else 50.0
        errors = ("test_state_mse", "validation_state_mse", "test_jacobian_mae")
        rows.append(who | dict.fromkeys(errors, error))
    return as_table("curves", rows)


def sparsity(failed=(), **changes):
    """A failed seed has hardly an element below any threshold."""
    rows = [
        {
            **who,
            "threshold": threshold,
            "sparsity": share,
            "relative_sparsity": 2 * share,
            "true_sparsity": 0.5,
            "precision": 0.75 if share else None,
            "recall": share * 0.75 / 0.5,
        }
        for who, gone, best in fallible(failed, **changes)
        for threshold, usual in ((1e-6, 1e-4 if best else 0.0), (0.1, 0.3))
        for share in [1e-9 if gone and who["epoch"] else usual]
    ]
    return as_table("sparsity", rows)


def recovery_rows(source, learners, **changes):
    shared = {"elements": "all", "regime": "all", "average": "micro", "samples": 9}
    return [
        {**who, **shared, "source": source, "scored_elements": 4}
        | {"base_rate": 0.25, "auroc": 0.5 + (who["seed"] or 0) / 100 + who["number"] / 10}
        | {"average_precision": 0.3}
        for who in identities(learners, **changes)
    ]


def recovery(**changes):
    """Networks and controls, untrained and permuted networks, and a guess."""
    guess = [
        {**row, "learner": None} for row in recovery_rows("mean pattern", CONTROLS[:1], **changes)
    ]
    networks = [
        row for source in ("untrained", "permuted") for row in recovery_rows(source, LOSSES)
    ]
    return as_table("recovery", recovery_rows("model", LEARNERS, **changes) + networks + guess)


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


def rollouts(diverged=(), **changes):
    """Errors grow by a tenth per step, times the learner's; (learner, seed) diverge after five."""
    rows = [
        {**who, "horizon": steps, "median_error": FACTOR[who["learner"]] * steps / 10}
        for who in identities(**changes)
        if who["split"] == "episode"
        for steps in (1, 5, 20)
    ]
    for row in rows:
        if (row["learner"], row["seed"]) in diverged and row["horizon"] >= 5:
            row["median_error"] = float("inf")
    return as_table("rollout", rows)
