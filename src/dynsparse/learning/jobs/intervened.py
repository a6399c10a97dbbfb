"""Models that a study trained, and those without hidden layers, on samples that were moved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dynsparse.errors import DynsparseError
from dynsparse.learning.data.interventions import moves_of
from dynsparse.learning.data.preparation import (
    Division,
    Prepared,
    divisions,
    environment_of,
    prepare,
)
from dynsparse.learning.models import WorldModel
from dynsparse.learning.scoring import linear, records
from dynsparse.learning.scoring.interventions import SCHEMA, counts, errors, make_predict, rows
from dynsparse.learning.settings import TrainingSettings, training_settings
from dynsparse.learning.training import checkpoint
from dynsparse.learning.training.epochs import outline
from dynsparse.precision import precision
from dynsparse.running.console import say
from dynsparse.storage.tables import with_metadata

Named = tuple[str, list[int | None], WorldModel]
Models = Callable[[Prepared], Iterator[Named]]
Preparing = Callable[[Division], Prepared]


def score_networks(
    paths: Sequence[Path | str],
    section: Mapping[str, Any],
    moved: pa.Table,
    learner: str,
    weights: Path | str,
) -> pa.Table:
    """A learner's errors on moved samples, of all seeds and splits.

    A seed that failed is scored too; its ``curves`` tell.

    Args:
        paths: as ``prepare``.
        section: as ``prepare``.
        moved: what ``intervene`` made of the same files.
        learner: one of the section's learners.
        weights: its ``models.safetensors``.

    Returns:
        A table of kind ``learning_interventions``.

    Raises:
        DynsparseError: as ``prepare`` and ``moves_of``, or the weights cannot be read, or are not
            of this learner, its seeds and these samples.
    """
    settings = training_settings(section, learner).knowing(environment_of(paths))
    arrays, about = checkpoint.read(weights)
    seeds = tuple(section["seeds"])
    if (about.get("learner"), about.get("seeds")) != (learner, list(seeds)):
        raise DynsparseError(f"{weights}: is not of learner {learner} with seeds {list(seeds)}")

    def prepared(division: Division) -> Prepared:
        return prepare(paths, section, division, settings.model.recipe(), settings.samples)

    def models(prepared: Prepared) -> Iterator[Named]:
        if not _fits(arrays, prepared):
            raise DynsparseError(
                f"{weights}: was not trained on these samples, split {prepared.division}"
            )
        yield learner, list(seeds), _trained(arrays, settings, seeds, prepared)

    return _scored(divisions(paths, section), moved, prepared, models)


def score_controls(
    paths: Sequence[Path | str], section: Mapping[str, Any], moved: pa.Table
) -> pa.Table:
    """The same of every model of ``linear.MODELS``, which has no seed."""

    def prepared(division: Division) -> Prepared:
        return prepare(paths, section, division)

    def models(prepared: Prepared) -> Iterator[Named]:
        train = prepared.samples.take(prepared.split.train)
        for name, model in linear.MODELS.items():
            yield name, [None], linear.learner(model(train, prepared.scaler)).model

    return _scored(divisions(paths, section), moved, prepared, models)


def _scored(
    asked: Sequence[Division], moved: pa.Table, preparing: Preparing, models: Models
) -> pa.Table:
    found: list[dict[str, Any]] = []
    sources: dict[str, None] = {}
    with precision("float32"):
        predict = make_predict()
        for division in asked:
            prepared = preparing(division)
            sources |= dict.fromkeys(prepared.origin.sources)
            moves = moves_of(moved, prepared)
            counted = counts(prepared, moves)
            for name, seeds, model in models(prepared):
                say(f"scoring {name} on moved samples of {prepared.origin.environment}, {division}")
                shared = records.identity(prepared, name)
                found += rows(shared, seeds, errors(predict, model, prepared, moves), counted)
    table = pa.Table.from_pylist(found, schema=SCHEMA)
    return with_metadata(table, "learning_interventions", sources=list(sources))


def _fits(arrays: checkpoint.Arrays, given: Prepared) -> bool:
    """Whether weights belong to the scaler of some samples; another machine may round otherwise."""
    scaler = checkpoint.leaves(f"{given.division}.scaler", given.scaler)
    return all(key in arrays and np.allclose(arrays[key], scaler[key], 1e-6) for key in scaler)


def _trained(
    arrays: checkpoint.Arrays, settings: TrainingSettings, seeds: tuple[int, ...], given: Prepared
) -> WorldModel:
    """All seeds of a split."""
    inputs, outputs = given.test.inputs.shape[1], given.test.next_state.shape[1]
    made = outline(settings, inputs, outputs, seeds)
    model: WorldModel = checkpoint.restored(f"{given.division}.model", made.model, arrays)
    return model
