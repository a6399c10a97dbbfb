"""A job of a study: one environment under one loss, every split and all seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa

from dynsparse.console import say
from dynsparse.learning import checkpoint, controls, records
from dynsparse.learning.evaluation import Sizes, make_sizes, on_device
from dynsparse.learning.preparation import Prepared, prepare
from dynsparse.learning.rollout_error import make_rollout, persistence, windows
from dynsparse.learning.run import Parts, Programs, Trained, programs, train
from dynsparse.learning.scoring import Scored, score_rows
from dynsparse.learning.settings import TrainingSettings, training_settings
from dynsparse.learning.splits import EPISODE
from dynsparse.precision import precision


def train_models(
    paths: Sequence[Path | str], section: Mapping[str, Any], loss: str, folder: Path
) -> tuple[dict[str, pa.Table], dict[str, np.ndarray]]:
    """Train all seeds under one loss with every split, and measure what they found.

    Args:
        paths: as ``prepare``.
        section: as ``prepare``.
        loss: one of the section's losses.
        folder: unfinished runs are kept there.

    Returns:
        One table per kind of ``records.SCHEMAS``, and the weights of the final models.
    """
    settings, seeds = training_settings(section, loss), tuple(section["seeds"])
    compiled, sizes = programs(settings, tuple(section["model_thresholds"])), make_sizes()
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in records.SCHEMAS}
    weights: dict[str, np.ndarray] = {}
    sources: tuple[str, ...] = ()
    for split in section["splits"]:
        prepared = prepare(paths, section, split)
        sources = prepared.origin.sources
        with precision("float32"):
            trained = fit(prepared, settings, compiled, seeds, split, folder / f".{split}.part")
            for kind, found in _measure(prepared, trained, section, split, settings, sizes).items():
                rows[kind] += found
        weights |= checkpoint.leaves(f"{split}.", trained.final.model)
    facts = {"sources": list(sources), "zero_threshold": section["zero_threshold"], "seeds": seeds}
    return {kind: records.as_table(kind, found, **facts) for kind, found in rows.items()}, weights


def fit(
    prepared: Prepared,
    settings: TrainingSettings,
    compiled: Programs,
    seeds: tuple[int, ...],
    split: str,
    unfinished: Path,
) -> Trained:
    """Train all seeds of a study on prepared samples."""
    parts = Parts(
        on_device(prepared.samples.take(prepared.split.train)),
        on_device(prepared.validation),
        on_device(prepared.test),
    )
    who = {"environment": prepared.origin.environment, "split": split, **prepared.identity()}
    return train(settings, seeds, parts, compiled, unfinished, who)


def _measure(
    prepared: Prepared,
    trained: Trained,
    section: Mapping[str, Any],
    split: str,
    settings: TrainingSettings,
    sizes: Sizes,
) -> dict[str, list[dict[str, Any]]]:
    """Rows of every kind of table."""
    shared = records.identity(prepared.origin, split, settings.loss)
    seeds, history = section["seeds"], trained.history
    scale, names = prepared.scaler.output_scale, prepared.origin.state_names
    true_sparsity = float(prepared.test.zero.mean())
    thresholds = section["model_thresholds"]
    return {
        "curves": records.curve_rows(shared, seeds, history),
        "dimensions": records.dimension_rows(shared, seeds, history, names, scale),
        "sparsity": records.sparsity_rows(shared, seeds, history, thresholds, true_sparsity),
        "recovery": recovery_rows(shared, seeds, prepared, trained, sizes, settings.epochs),
        "rollout": rollout_rows(shared, seeds, prepared, trained, section["evaluation"]),
    }


def recovery_rows(
    shared: Mapping[str, Any],
    seeds: Sequence[int],
    prepared: Prepared,
    trained: Trained,
    sizes: Sizes,
    epochs: int,
) -> list[dict[str, Any]]:
    """How well each seed finds the zeros, untrained and trained; a failed seed has no rows."""
    say(f"scoring the zeros of {shared['environment']}, {shared['loss']}, by {shared['split']}")
    failed = trained.history.failed_epoch()
    rows = []
    for epoch, learner in ((0, trained.initial), (epochs, trained.final)):
        for number, seed in enumerate(seeds):
            if failed[number] >= 0:
                continue
            mine = jax.tree.map(lambda leaf, k=number: leaf[k : k + 1], learner)
            found = (
                sizes(mine, jnp.asarray(part.inputs))[0]
                for part in (prepared.validation, prepared.test)
            )
            scored = Scored(*(-np.asarray(size).reshape(len(size), -1) for size in found))
            shuffled = Scored(*(controls.permuted(scores, seed) for scores in scored))
            # An untrained model is its own control.
            sources = {"model": scored} | ({"permuted": shuffled} if epoch else {})
            for source, scores in sources.items():
                who = {**shared, "seed": seed, "epoch": epoch, "source": source}
                rows += [
                    who | row for row in score_rows(scores, prepared.validation, prepared.test)
                ]
    return rows


def rollout_rows(
    shared: Mapping[str, Any],
    seeds: Sequence[int],
    prepared: Prepared,
    trained: Trained,
    evaluation: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Each seed's error after so many steps; horizons longer than any test episode are left out.

    All horizons begin at the same samples, those that the longest fits. Only a split by episode has
    rollouts: with another, a window would run through samples that were trained on.
    """
    if shared["split"] != EPISODE:
        return []
    most = evaluation["rollouts"]
    asked = sorted(evaluation["rollout_steps"])
    fitting = [k for k in asked if len(windows(prepared.samples, prepared.split.test, k, most)[0])]
    if not fitting:
        return []
    given = windows(prepared.samples, prepared.split.test, fitting[-1], most)
    errors = np.asarray(make_rollout(prepared.scaler, fitting)(trained.final, given))
    failed = trained.history.failed_epoch()
    found: list[tuple[str, int | None, np.ndarray]] = [
        ("model", seed, errors[number]) for number, seed in enumerate(seeds) if failed[number] < 0
    ]
    found.append(("persistence", None, persistence(given, prepared.scaler, fitting)))
    return [
        {**shared, "seed": seed, "source": source, "horizon": steps} | _summary(error[:, column])
        for source, seed, error in found
        for column, steps in enumerate(fitting)
    ]


def _summary(error: np.ndarray) -> dict[str, Any]:
    finite = np.isfinite(error)
    return {
        "windows": len(error),
        "diverged": int((~finite).sum()),
        "median_error": float(np.median(np.where(finite, error, np.inf))),
        "mean_error": float(error[finite].mean()) if finite.any() else float("nan"),
    }
