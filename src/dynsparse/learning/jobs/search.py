"""Searches through settings: the paper's hyperparameters (A2.1), and the depth of the network."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.learning.data.preparation import Division, Prepared, prepare
from dynsparse.learning.data.splits import EPISODE
from dynsparse.learning.jobs.train import compiled_for, fit, recovery_rows
from dynsparse.learning.learners import PLAIN, REFERENCE_LOSS
from dynsparse.learning.scoring.evaluation import make_sizes
from dynsparse.learning.scoring.records import identity, null
from dynsparse.learning.settings import TrainingSettings, training_settings
from dynsparse.precision import precision
from dynsparse.running.console import say
from dynsparse.storage.tables import metadata_of, read_table, with_metadata, write_table

# The paper ranks runs by the next-state error of models trained on it alone.
LOSS = REFERENCE_LOSS

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("run", pa.string()),
        ("seed", pa.int64()),
        ("depth", pa.int64()),
        ("width", pa.int64()),
        ("activation", pa.string()),
        ("dropout", pa.float64()),
        ("learning_rate", pa.float64()),
        ("weight_decay", pa.float64()),
        ("batch", pa.int64()),
        ("epochs", pa.int64()),
        ("failed_epoch", pa.int64()),
        ("validation_state_mse", pa.float64()),
        ("test_state_mse", pa.float64()),
        ("test_jacobian_mae", pa.float64()),
        ("auroc", pa.float64()),
        ("average_precision", pa.float64()),
        ("base_rate", pa.float64()),
        ("switching_auroc", pa.float64()),
    ]
)


def search(
    paths: Sequence[Path | str], section: Mapping[str, Any], run: str, folder: Path
) -> pa.Table:
    """Train every combination of a run's values, all seeds each, on one environment.

    Args:
        paths: the files of all seeds of one environment and behaviour.
        section: the configuration's ``learning``, with the ``zero_threshold`` of the data.
        run: one of the section's ``search.runs``.
        folder: finished combinations are kept there until all are done, so that a killed search
            goes on.

    Returns:
        ``SCHEMA``: a row per combination and seed; what a failed seed lacks is null.
    """
    plan = section["search"]
    if run not in plan["runs"]:
        near = did_you_mean(run, plan["runs"])
        raise DynsparseError(f"config: learning.search.runs: {run!r} is not listed; {near}")
    plain = {LOSS: {"architecture": PLAIN, "loss": LOSS}}
    base = training_settings({**section, "learners": plain}, LOSS).changed(**plan["training"])
    section = {**section, "seeds": plan["seeds"]}
    prepared = prepare(paths, section, Division(EPISODE, 0))
    choices = list(combinations(plan["runs"][run]))
    parts, kept = [], []
    for number, choice in enumerate(choices, 1):
        settings = base.changed(**choice)
        path = folder / f".{run}.{settings.digest()}.parquet"
        who = {**prepared.identity(), "seeds": list(plan["seeds"])}
        say(f"{prepared.origin.environment}, {run}: {number} of {len(choices)}: {choice}")
        parts.append(
            _remembered(path, who) or _trained(path, who, prepared, settings, section, run)
        )
        kept.append(path)
    for path in kept:
        path.unlink(missing_ok=True)
    facts = {"sources": list(prepared.origin.sources), "seeds": list(plan["seeds"])}
    return with_metadata(pa.concat_tables(parts), "learning_search", **facts)


def combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of the values of a grid."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _remembered(path: Path, who: Mapping[str, Any]) -> pa.Table | None:
    """What an earlier, killed search left of this combination."""
    if not path.is_file():
        return None
    table = read_table(path, "learning_search")
    return table if metadata_of(table)["who"] == who else None


def _trained(
    path: Path,
    who: Mapping[str, Any],
    prepared: Prepared,
    settings: TrainingSettings,
    section: Mapping[str, Any],
    run: str,
) -> pa.Table:
    """Train one combination, and keep its rows."""
    with precision("float32"):
        compiled, seeds = compiled_for(settings, section), section["seeds"]
        trained = fit(prepared, settings, compiled, tuple(seeds), path.with_suffix(".part"), LOSS)
        shared = identity(prepared, LOSS)
        found = recovery_rows(shared, seeds, prepared, trained, make_sizes())
    history, failed = trained.history, trained.history.failed_epoch()
    chosen = history.chosen()
    rows = []
    for number, seed in enumerate(seeds):
        row = {**shared, "run": run, "seed": seed, **_columns(settings)}
        if failed[number] >= 0:
            rows.append(row | {"failed_epoch": int(failed[number])})
            continue
        errors = {
            "validation_state_mse": float(history.validation[chosen[number], number]),
            "test_state_mse": float(history.squared[chosen[number], number].mean()),
            "test_jacobian_mae": float(history.jacobian_absolute[chosen[number], number]),
        }
        rows.append(row | errors | _recovery(found, seed))
    names = set(SCHEMA.names)
    plain = [{name: value for name, value in row.items() if name in names} for row in rows]
    table = pa.Table.from_pylist(plain, schema=SCHEMA)
    table = with_metadata(table, "learning_search", who=dict(who))
    write_table(table, path)
    return table


def _columns(settings: TrainingSettings) -> dict[str, Any]:
    values = dataclasses.asdict(settings)
    return {**values, **values["model"]}


def _recovery(rows: Sequence[Mapping[str, Any]], seed: int) -> dict[str, Any]:
    """A trained seed's recovery over all elements, and over those that switch."""
    wanted = {"seed": seed, "source": "model", "regime": "all", "average": "micro"}
    mine = {
        row["elements"]: row
        for row in rows
        if all(row[name] == value for name, value in wanted.items())
    }
    every, switching = mine["all"], mine.get("switching", {})
    names = ("auroc", "average_precision", "base_rate")
    return {
        **{name: null(every[name]) for name in names},
        "switching_auroc": null(switching.get("auroc", np.nan)),
    }
