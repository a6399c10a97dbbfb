"""Models and guesses that are not networks, scored as networks are; one job per environment."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from dynsparse.learning.data.preparation import Prepared, divisions, prepare
from dynsparse.learning.data.samples import some_of
from dynsparse.learning.jobs.train import as_tables, measure, parts_of
from dynsparse.learning.scoring import controls, linear, records
from dynsparse.learning.scoring.evaluation import Evaluate, Sizes, make_evaluate, make_sizes
from dynsparse.learning.scoring.graph_scores import Said, graph_rows, mean_pattern_rows
from dynsparse.learning.training.history import History
from dynsparse.learning.training.run import Trained, measured
from dynsparse.precision import precision
from dynsparse.running.console import say
from dynsparse.scores.recovery import Scored


def score_controls(paths: Sequence[Path | str], section: Mapping[str, Any]) -> dict[str, pa.Table]:
    """Every model of ``linear.MODELS`` and every guess of the zeros, for every split.

    Returns:
        Tables as ``train_models`` makes them, without seeds. A guess says something about zeros
        alone: its rows of ``recovery`` have no learner, and its name is their source.
    """
    with precision("float32"):
        evaluate, sizes = make_evaluate(section["model_thresholds"]), make_sizes()
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in records.SCHEMAS}
    sources: dict[str, None] = {}
    for division in divisions(paths, section):
        prepared = prepare(paths, section, division)
        sources |= dict.fromkeys(prepared.origin.sources)
        for kind, found in _models(prepared, section, evaluate, sizes):
            rows[kind] += found
        rows["recovery"] += _guesses(prepared, section["evaluation"])
    return as_tables(rows, list(sources), section)


def _models(
    prepared: Prepared, section: Mapping[str, Any], evaluate: Evaluate, sizes: Sizes
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of each kind of table, one model after the other."""
    train = prepared.samples.take(prepared.split.train)
    with precision("float32"):
        parts = parts_of(prepared)
        for name, model in linear.MODELS.items():
            learner = linear.learner(model(train, prepared.scaler))
            row = measured(evaluate, learner, parts)
            history = History(*(values[None] for values in row))
            trained = Trained(learner, learner, history)
            yield from measure(prepared, trained, section, name, [None], sizes).items()


def _guesses(prepared: Prepared, evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of ``recovery``."""
    asked = (prepared.validation, prepared.test, prepared.running)
    known = prepared.samples.take(some_of(prepared.split.train, evaluation["control_samples"]))
    count = evaluation["neighbours"]
    guesses = {
        "mean pattern": [controls.mean_pattern(known, part) for part in asked],
        "contact oracle": [controls.contact_oracle(known, part) for part in asked],
        "nearest neighbours": [controls.nearest_neighbours(known, part, count) for part in asked],
    }
    say(f"scoring guesses in {prepared.origin.environment}, {prepared.division}")
    shared, mean_pattern = records.identity(prepared, None), mean_pattern_rows(prepared)
    return [
        {**shared, "source": source} | row
        for source, (*scored, running) in guesses.items()
        for row in graph_rows(Said(Scored(*scored), running), prepared, mean_pattern)
    ]
