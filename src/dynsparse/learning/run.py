"""One training, of all seeds, with what was measured after every epoch; resumable by epoch."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dynsparse.console import progress, say
from dynsparse.errors import DynsparseError
from dynsparse.learning import checkpoint
from dynsparse.learning.evaluation import Evaluate, make_evaluate
from dynsparse.learning.history import History
from dynsparse.learning.settings import TrainingSettings
from dynsparse.learning.training import Data, Epoch, Learner, create, make_epoch

SAVE_EVERY_S = 20.0


class Parts(NamedTuple):
    """Samples on the device: those to train on, and those that scores are taken of."""

    train: Data
    validation: Data
    test: Data


class Programs(NamedTuple):
    """What is compiled for a training; the same for all data of the same shape."""

    epoch: Epoch
    evaluate: Evaluate
    thresholds: tuple[float, ...]


def programs(settings: TrainingSettings, thresholds: tuple[float, ...]) -> Programs:
    """The programs of a training, and of scores with the model's sparsity at ``thresholds``."""
    return Programs(make_epoch(settings), make_evaluate(thresholds), thresholds)


class Trained(NamedTuple):
    """All seeds before and after training, and the history between."""

    initial: Learner
    final: Learner
    history: History


def train(
    settings: TrainingSettings,
    seeds: tuple[int, ...],
    parts: Parts,
    compiled: Programs,
    unfinished: Path,
    identity: Mapping[str, Any],
    save_every_s: float = SAVE_EVERY_S,
) -> Trained:
    """Train all seeds, or go on where a killed run last saved.

    A run that was killed ends, on the same machine, in the same bits as one that was not.

    Args:
        settings: network, loss and optimiser.
        seeds: each gives one model.
        parts: samples.
        compiled: ``programs`` of these settings.
        unfinished: the file that an unfinished run is kept in; removed at the end.
        identity: what the data are. An unfinished run of other data, settings or thresholds is
            discarded.
        save_every_s: seconds between two savings.
    """
    inputs, outputs = parts.train.inputs.shape[1], parts.train.next_state.shape[1]
    initial = create(settings, inputs, outputs, seeds)
    who = {**identity, "settings": settings.digest(), "seeds": list(seeds)}
    who["thresholds"] = list(compiled.thresholds)
    learner, rows = _resume(unfinished, initial, who)
    if not rows:
        rows = [_measure(compiled, initial, parts, np.full(len(seeds), np.nan, np.float32))]
    label = f"{identity['environment']}, {settings.loss}, by {identity['split']}"
    saved = time.monotonic()
    with progress(settings.epochs, f"training {label}", "epoch", len(rows) - 1) as bar:
        for number in range(len(rows), settings.epochs + 1):
            learner, loss = compiled.epoch(learner, parts.train, number)
            rows.append(_measure(compiled, learner, parts, np.asarray(loss)))
            bar.set_postfix_str(f"validation error {np.median(rows[-1].validation):.2g}")
            bar.update()
            if time.monotonic() - saved >= save_every_s and number < settings.epochs:
                _save(unfinished, learner, rows, who)
                saved = time.monotonic()
    unfinished.unlink(missing_ok=True)
    history = _stack(rows)
    for seed, failed in zip(seeds, history.failed_epoch(), strict=True):
        if failed >= 0:
            say(f"{label}: seed {seed} failed in epoch {failed}; the others are not affected")
    return Trained(initial, learner, history)


def _measure(compiled: Programs, learner: Learner, parts: Parts, loss: np.ndarray) -> History:
    """One epoch's row of the history."""
    validation = np.asarray(compiled.evaluate(learner, parts.validation).squared).mean(axis=1)
    scores = compiled.evaluate(learner, parts.test)
    return History(loss, validation, *(np.asarray(values) for values in scores))


def _stack(rows: list[History]) -> History:
    return History(*(np.stack(values) for values in zip(*rows, strict=True)))


def _save(path: Path, learner: Learner, rows: list[History], who: Mapping[str, Any]) -> None:
    history = {f"history.{name}": values for name, values in _stack(rows)._asdict().items()}
    checkpoint.write(path, checkpoint.leaves("learner", learner) | history, who)


def _resume(path: Path, initial: Learner, who: Mapping[str, Any]) -> tuple[Learner, list[History]]:
    """Learners and history of an unfinished run, if it is this one; else where all begin."""
    if not path.is_file():
        return initial, []
    try:
        arrays, header = checkpoint.read(path)
        if header != who:
            raise DynsparseError(f"{path}: was made with other settings or data")
        learner = checkpoint.restored("learner", initial, arrays)
        columns = [arrays[f"history.{name}"] for name in History._fields]
    except (DynsparseError, KeyError) as error:
        say(f"training starts anew: {error}")
        return initial, []
    return learner, [History(*row) for row in zip(*columns, strict=True)]
