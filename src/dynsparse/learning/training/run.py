"""One training, of all seeds, with what was measured on the way; resumable."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dynsparse.errors import DynsparseError
from dynsparse.learning.scoring.evaluation import Evaluate, make_evaluate
from dynsparse.learning.settings import TrainingSettings
from dynsparse.learning.training import checkpoint
from dynsparse.learning.training.epochs import Create, Data, Epoch, Learner, make_create, make_epoch
from dynsparse.learning.training.history import History
from dynsparse.running.console import progress, say

SAVE_EVERY_S = 20.0


class Parts(NamedTuple):
    """Samples on the device: those that scores are taken of, and those to train on.

    These are the first ``length`` of ``train``.
    """

    train: Data
    length: int
    validation: Data
    test: Data


class Programs(NamedTuple):
    """What is compiled for a training; the same for all data of the same shape."""

    create: Create
    epoch: Epoch
    evaluate: Evaluate
    thresholds: tuple[float, ...]
    every: int


def programs(settings: TrainingSettings, thresholds: tuple[float, ...], every: int = 1) -> Programs:
    """The programs of a training, and of scores with the model's sparsity at ``thresholds``.

    Scores are taken after every ``every`` epochs, and after the last.
    """
    made = make_create(settings), make_epoch(settings), make_evaluate(thresholds)
    return Programs(*made, thresholds, every)


class Trained(NamedTuple):
    """All seeds before training, each with the weights of its best validation, and the history."""

    initial: Learner
    final: Learner
    history: History


class Progress(NamedTuple):
    """Where a training is: all seeds, each at its best, and a row of history per measurement."""

    learner: Learner
    best: Learner
    rows: list[History]


def train(
    settings: TrainingSettings,
    seeds: tuple[int, ...],
    parts: Parts,
    compiled: Programs,
    unfinished: Path,
    identity: Mapping[str, Any],
    save_every_s: float = SAVE_EVERY_S,
) -> Trained:
    """Train all seeds for so many epochs, or go on where a killed run last saved.

    Every seed ends with the weights that had the lowest state error on the validation samples when
    scores were taken. A run that was killed ends, on the same machine, in the same bits as one that
    was not.

    Args:
        settings: network, loss and optimiser.
        seeds: each gives one model.
        parts: samples.
        compiled: ``programs`` of these settings.
        unfinished: the file that an unfinished run is kept in; removed at the end.
        identity: what the data are, and what the learner is called. An unfinished run of another
            one, or of other settings or thresholds, is discarded.
        save_every_s: seconds between two savings.
    """
    inputs, outputs = parts.train.inputs.shape[1], parts.train.next_state.shape[1]
    initial = compiled.create(inputs, outputs, seeds)
    who = {**identity, "settings": settings.digest(), "seeds": list(seeds)}
    who |= {"thresholds": list(compiled.thresholds), "every": compiled.every}
    progressed = _resume(unfinished, initial, who)
    learner, best, rows = progressed or Progress(
        initial, initial, [measured(compiled.evaluate, initial, parts)]
    )
    label = f"{identity['environment']}, {identity['learner']}, by {identity['split']}"
    saved = time.monotonic()
    done = int(rows[-1].epoch)
    with progress(settings.epochs, f"training {label}", "epoch", done) as bar:
        for number in range(done + 1, settings.epochs + 1):
            learner, loss = compiled.epoch(learner, parts.train, number, parts.length)
            bar.update()
            if number % compiled.every and number < settings.epochs:
                continue
            rows.append(measured(compiled.evaluate, learner, parts, number, np.asarray(loss)))
            best = _better(best, learner, rows)
            bar.set_postfix_str(f"validation error {np.median(rows[-1].validation):.2g}")
            if time.monotonic() - saved >= save_every_s and number < settings.epochs:
                _save(unfinished, Progress(learner, best, rows), who)
                saved = time.monotonic()
    unfinished.unlink(missing_ok=True)
    history = _stack(rows)
    for seed, failed in zip(seeds, history.failed_epoch(), strict=True):
        if failed >= 0:
            say(f"{label}: seed {seed} failed in epoch {failed}; the others are not affected")
    return Trained(initial, best, history)


def measured(
    evaluate: Evaluate,
    learner: Learner,
    parts: Parts,
    epoch: int = 0,
    loss: np.ndarray | None = None,
) -> History:
    """One epoch's row of the history; before training there is no loss yet."""
    validation = np.asarray(evaluate.squared(learner, parts.validation)).mean(axis=1)
    scores = evaluate.scores(learner, parts.test)
    loss = np.full_like(validation, np.nan) if loss is None else loss
    return History(np.array(epoch), loss, validation, *(np.asarray(values) for values in scores))


def _better(best: Learner, learner: Learner, rows: list[History]) -> Learner:
    """Each seed as it is now, if it was never better on the validation samples."""
    now = _stack(rows).chosen() == len(rows) - 1

    def pick(new: Any, old: Any) -> Any:
        return jnp.where(now.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(pick, learner, best)


def _stack(rows: list[History]) -> History:
    return History(*(np.stack(values) for values in zip(*rows, strict=True)))


def _save(path: Path, progressed: Progress, who: Mapping[str, Any]) -> None:
    history = _stack(progressed.rows)._asdict()
    arrays = {f"history.{name}": values for name, values in history.items()}
    for name in ("learner", "best"):
        arrays |= checkpoint.leaves(name, getattr(progressed, name))
    checkpoint.write(path, arrays, who)


def _resume(path: Path, initial: Learner, who: Mapping[str, Any]) -> Progress | None:
    """How far an unfinished run came, if there is one and it is this one."""
    if not path.is_file():
        return None
    try:
        arrays, header = checkpoint.read(path)
        if header != who:
            raise DynsparseError(f"{path}: was made with other settings or data")
        learner, best = (checkpoint.restored(n, initial, arrays) for n in ("learner", "best"))
        columns = [arrays[f"history.{name}"] for name in History._fields]
        rows = [History(*row) for row in zip(*columns, strict=True)]
        return Progress(learner, best, rows)
    except (DynsparseError, KeyError) as error:
        say(f"training starts anew: {error}")
        return None
