"""A job of a study: one environment and one learner, every split and all seeds."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pyarrow as pa

from dynsparse.learning.data.preparation import Prepared, divisions, environment_of, prepare
from dynsparse.learning.data.samples import Samples
from dynsparse.learning.data.splits import SAMPLE
from dynsparse.learning.models import ARCHITECTURES
from dynsparse.learning.scoring import controls, records
from dynsparse.learning.scoring.evaluation import Measure, Sizes, make_sizes, on_device
from dynsparse.learning.scoring.graph_scores import Said, graph_rows, mean_pattern_rows
from dynsparse.learning.scoring.rollout_error import make_rollout, windows
from dynsparse.learning.settings import TrainingSettings, training_settings
from dynsparse.learning.training import checkpoint
from dynsparse.learning.training.epochs import Learner
from dynsparse.learning.training.run import Parts, Programs, Trained, programs, train
from dynsparse.precision import precision
from dynsparse.running.console import say
from dynsparse.scores.recovery import Scored


class Learned(NamedTuple):
    """What a job leaves: measurements by kind of ``records.SCHEMAS``, and models to predict with.

    ``arrays`` holds the weights of every split, all seeds stacked, and the scaler they belong to;
    ``about`` what their inputs and outputs are called.
    """

    tables: dict[str, pa.Table]
    arrays: dict[str, np.ndarray]
    about: dict[str, Any]


def train_models(
    paths: Sequence[Path | str], section: Mapping[str, Any], learner: str, folder: Path
) -> Learned:
    """Train all seeds of a learner with every split, and measure what they found.

    Args:
        paths: as ``prepare``.
        section: as ``prepare``.
        learner: one of the section's learners.
        folder: unfinished runs are kept there.
    """
    settings = training_settings(section, learner).knowing(environment_of(paths))
    seeds = tuple(section["seeds"])
    compiled, sizes = compiled_for(settings, section), make_sizes()
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in records.SCHEMAS}
    arrays: dict[str, np.ndarray] = {}
    sources: dict[str, None] = {}
    for division in divisions(paths, section):
        prepared = prepare(paths, section, division, settings.model.recipe(), settings.samples)
        origin = prepared.origin
        sources |= dict.fromkeys(origin.sources)
        with precision("float32"):
            trained = fit(
                prepared, settings, compiled, seeds, folder / f".{division}.part", learner
            )
            for kind, found in measure(prepared, trained, section, learner, seeds, sizes).items():
                rows[kind] += found
        arrays |= checkpoint.leaves(f"{division}.model", trained.final.model)
        arrays |= checkpoint.leaves(f"{division}.scaler", prepared.scaler)
    about = {
        "section": dict(section),
        "learner": learner,
        "settings": dataclasses.asdict(settings),
        "told": list(ARCHITECTURES[settings.architecture].privileged),
        "seeds": list(seeds),
        "state_names": list(origin.state_names),
        "action_names": list(origin.action_names),
    }
    return Learned(as_tables(rows, list(sources), section), arrays, about)


def compiled_for(settings: TrainingSettings, section: Mapping[str, Any]) -> Programs:
    """The programs of a training in a study."""
    return programs(settings, tuple(section["model_thresholds"]), section["evaluation"]["every"])


def fit(
    prepared: Prepared,
    settings: TrainingSettings,
    compiled: Programs,
    seeds: tuple[int, ...],
    unfinished: Path,
    name: str,
) -> Trained:
    """Train all seeds of a study on prepared samples."""
    identity = {**prepared.identity(), "learner": name}
    return train(settings, seeds, parts_of(prepared), compiled, unfinished, identity)


def parts_of(prepared: Prepared) -> Parts:
    """The samples of a split, on the device; those to train on in arrays as long for any split."""
    count, length = len(prepared.split.train), len(prepared.samples.inputs)
    padded = prepared.samples.take(np.resize(prepared.split.train, length))
    scored = map(on_device, (prepared.validation, prepared.test))
    return Parts(on_device(padded), count, *scored)


def as_tables(
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    sources: Sequence[str],
    section: Mapping[str, Any],
) -> dict[str, pa.Table]:
    """Rows of every kind as tables that say what they were made of."""
    facts = {"sources": list(sources), "zero_threshold": section["zero_threshold"]}
    return {kind: records.as_table(kind, found, **facts) for kind, found in rows.items()}


def measure(
    prepared: Prepared,
    trained: Trained,
    section: Mapping[str, Any],
    name: str,
    seeds: Sequence[int | None],
    sizes: Sizes,
) -> dict[str, list[dict[str, Any]]]:
    """Rows of every kind of table, of the learner ``name``."""
    shared, history = records.identity(prepared, name), trained.history
    scale, names = prepared.scaler.output_scale, prepared.origin.state_names
    true_sparsity = float(prepared.test.zero.mean())
    thresholds = section["model_thresholds"]
    return {
        "curves": records.curve_rows(shared, seeds, history),
        "dimensions": records.dimension_rows(shared, seeds, history, names, scale),
        "sparsity": records.sparsity_rows(shared, seeds, history, thresholds, true_sparsity),
        "recovery": recovery_rows(shared, seeds, prepared, trained, sizes),
        "rollout": rollout_rows(shared, seeds, prepared, trained, section["evaluation"]),
    }


def recovery_rows(
    shared: Mapping[str, Any],
    seeds: Sequence[int | None],
    prepared: Prepared,
    trained: Trained,
    sizes: Sizes,
) -> list[dict[str, Any]]:
    """How well each seed finds the zeros; a failed seed has no rows.

    A model with a graph of its own is scored by that too (``graph``). Networks are also scored
    untrained, and with each sample's scores given to another. A seed that is None is no network.
    """
    say(f"scoring the zeros of {shared['environment']}, {shared['learner']}, {prepared.division}")
    failed, mean_pattern = trained.history.failed_epoch(), mean_pattern_rows(prepared)
    rows = []
    for number, seed in enumerate(seeds):
        if failed[number] >= 0:
            continue
        final, initial = (_one(learner, number) for learner in (trained.final, trained.initial))
        sources = {"model": _by_jacobian(final, prepared, sizes)}
        if final.model.has_graph():
            sources["graph"] = _by_graph(final, prepared, sizes)
        if seed is not None:
            sources["untrained"] = Said(_scored(initial, prepared, sizes.jacobian))
            mixed = (controls.permuted(scores, seed) for scores in sources["model"].scored)
            sources["permuted"] = Said(Scored(*mixed))
        for source, said in sources.items():
            who = {**shared, "seed": seed, "source": source}
            rows += [who | row for row in graph_rows(said, prepared, mean_pattern)]
    return rows


def _by_jacobian(learner: Learner, prepared: Prepared, sizes: Sizes) -> Said:
    """What one seed says by the size of its Jacobian, and by its regimes if it has any."""
    scored = _scored(learner, prepared, sizes.jacobian)
    running = _scores(learner, prepared.running, sizes.jacobian)
    regime = None
    if learner.model.has_regimes():
        regime = np.asarray(sizes.regime(learner, prepared.test)[0])
    return Said(scored, running, zero=scored.test == 0, regime=regime)


def _by_graph(learner: Learner, prepared: Prepared, sizes: Sizes) -> Said:
    """What one seed says by its own graph: an edge is there if it is more likely than not."""
    scored = _scored(learner, prepared, sizes.graph)
    running = _scores(learner, prepared.running, sizes.graph)
    return Said(scored, running, zero=scored.test > -0.5, open=-scored.test)


def _one(learner: Learner, number: int) -> Learner:
    """One seed of a learner."""
    one: Learner = jax.tree.map(lambda leaf: leaf[number : number + 1], learner)
    return one


def _scored(learner: Learner, prepared: Prepared, measure: Measure) -> Scored:
    """Scores of validation and test samples."""
    return Scored(*(_scores(learner, p, measure) for p in (prepared.validation, prepared.test)))


def _scores(learner: Learner, samples: Samples, measure: Measure) -> np.ndarray:
    """One seed's scores: the smaller an element, the higher."""
    return -np.asarray(measure(learner, samples)[0]).reshape(len(samples.zero), -1)


def rollout_rows(
    shared: Mapping[str, Any],
    seeds: Sequence[int | None],
    prepared: Prepared,
    trained: Trained,
    evaluation: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Each seed's error after so many steps; horizons longer than any test episode are left out.

    All horizons begin at the same samples, those that the longest fits. A split by sample has no
    rollouts: a window would run through samples that were trained on.
    """
    if shared["split"] == SAMPLE:
        return []
    most = evaluation["rollouts"]
    asked = sorted(evaluation["rollout_steps"])
    fitting = [k for k in asked if len(windows(prepared.samples, prepared.split.test, k, most)[0])]
    if not fitting:
        return []
    told = trained.final.model.privileged
    given = windows(prepared.samples, prepared.split.test, fitting[-1], most, told)
    errors = np.asarray(make_rollout(prepared.scaler, fitting)(trained.final, given))
    failed = trained.history.failed_epoch()
    return [
        {**shared, "seed": seed, "horizon": steps} | _summary(errors[number, :, column])
        for number, seed in enumerate(seeds)
        if failed[number] < 0
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
