"""``dynsparse.Evaluator``: a task of the benchmark, and what scores models on it."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np

from dynsparse.api.given import whole
from dynsparse.api.optional import needed
from dynsparse.api.simulator import BATCH
from dynsparse.benchmark.card import Card, make_card
from dynsparse.benchmark.predictions import (
    given_predictions,
    read_predictions,
    write_predictions,
)
from dynsparse.benchmark.task import NONE, TEST, TRAIN, Episodes, Task
from dynsparse.benchmark.task_files import jacobians, read_task, unsplit
from dynsparse.cli import LAST_SEED
from dynsparse.errors import DynsparseError

Model = Callable[[np.ndarray, np.ndarray], Any]
Paths = Sequence[Path | str]


class Evaluator:
    """Scores models on one task; the command ``dynsparse score`` gives the same.

    Attributes:
        task: what is given, asked and true.
    """

    def __init__(self, task: str | os.PathLike[str] | Task, data: Paths = ()) -> None:
        """Take a task.

        Args:
            task: its name, its file, or the task itself.
            data: the dataset files that it was made from: errors of Jacobians are taken by them.

        Raises:
            DynsparseError: there is no such task, or ``data`` are others.
        """
        self.task = task if isinstance(task, Task) else read_task(os.fspath(task))
        self._jacobian = jacobians(self.task, data) if data else None

    def score(
        self,
        predictions: str | os.PathLike[str] | Mapping[str, Any],
        method: str = "unnamed",
        privileged: Sequence[str] = (),
    ) -> Card:
        """Score a prediction file, or arrays by name, of ``task.asked``.

        Args:
            predictions: the file, which says the rest itself, or arrays: ``influence`` of shape
                (samples, rows, columns), and others (docs/benchmark.md).
            method: what the model is called.
            privileged: what it was told (docs/benchmark.md).

        Raises:
            DynsparseError: one line says what is wrong.
        """
        if isinstance(predictions, Mapping):
            found = given_predictions(self.task, predictions, method, privileged)
        elif isinstance(predictions, (str, os.PathLike)):
            found = read_predictions(Path(predictions), self.task)
        else:
            raise DynsparseError(
                "predictions: a file, or arrays by name, are needed, not a"
                f" {type(predictions).__name__}"
            )
        return make_card(self.task, found, self._jacobian)

    def write(
        self,
        path: str | os.PathLike[str],
        predictions: Mapping[str, Any],
        method: str,
        privileged: Sequence[str] = (),
    ) -> None:
        """Write arrays as a prediction file, HDF5 or ``.npz``; see ``score``.

        Raises:
            DynsparseError: one line says what is wrong, or the file cannot be written.
        """
        write_predictions(Path(path), self.task, predictions, method, privileged)

    def live(
        self, model: Model, seed: int, method: str = "unnamed", privileged: Sequence[str] = ()
    ) -> Card:
        """Score a function on a fresh episode, so that nothing is gained by remembering.

        The simulator of the task is run as for the task, with the policy of its first seed and
        other random numbers. Thresholds are still chosen on the task's validation samples.

        Args:
            model: ``model(state, action)`` gives influence, or arrays by name as ``score`` takes.
            seed: of the episode; none of the task's, and of 32 bits, as everywhere.
            method, privileged: as ``score``.

        Raises:
            DynsparseError: the seed is one of the task's, or too large; JAX and MuJoCo are not
                installed; or as ``score``.
        """
        fresh = _fresh(self.task, seed)
        given = model(fresh.asked.state, fresh.asked.action)
        arrays = given if isinstance(given, Mapping) else {"influence": given}
        found = given_predictions(fresh, arrays, method, privileged)
        return make_card(fresh, found, live=seed)

    def __repr__(self) -> str:
        return f"<Evaluator of {self.task!r}>"


def _fresh(task: Task, seed: int) -> Task:
    """The task with the samples of a fresh episode in the place of its test samples."""
    definition, seed = task.about.definition, whole(seed, "seed", 0)
    if seed > LAST_SEED:
        raise DynsparseError(f"seed: {seed} should be at most {LAST_SEED}")
    if seed in definition.seeds:
        raise DynsparseError(f"seed {seed} is one of task {task.name}: give one that is not")
    if definition.solver is None:
        raise DynsparseError(f"task {task.name} is of no simulator of ours: it has no live mode")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fresh.h5"
        _collect(task, seed, path)
        fresh = unsplit(definition._replace(seeds=(seed,)), [path])
    ours, theirs = (t.about.shape + (t.about.steps,) for t in (task, fresh))
    if ours != theirs:
        raise DynsparseError(f"task {task.name} is of another version of {definition.environment}")
    kept = [_moved(task, TEST, NONE), _moved(fresh, TRAIN, TEST)]
    digest = hashlib.sha256(f"{task.about.dataset} {fresh.about.dataset}".encode()).hexdigest()
    return Task(
        task.about._replace(dataset=digest),
        Episodes(*map(np.concatenate, zip(*kept, strict=True))),
    )


def _moved(task: Task, part: int, to: int) -> Episodes:
    """The episodes of a task, with the samples of one part in another."""
    found = task.episodes.part
    return task.episodes._replace(part=np.where(found == part, to, found).astype(np.uint8))


def _collect(task: Task, seed: int, path: Path) -> None:
    """One fresh episode, by the policy of the task's first seed."""
    definition = task.about.definition
    for package in ("jax", "mujoco", "mujoco_playground"):
        needed(package, "simulate", "the live mode")
    from dynsparse.collection import CollectionSettings, collect
    from dynsparse.policies.shipped import FILES, shipped_expert

    environment, behaviour = definition.environment, definition.behaviour
    policy = None
    if behaviour in FILES:
        policy = shipped_expert(environment, definition.seeds[0], behaviour)
    settings = CollectionSettings(
        episodes=1,
        steps=task.about.steps,
        method="auto",
        solver=cast(Any, definition.solver),
        dtype="float64",
        block_episodes=1,
        batch_samples=BATCH,
    )
    collect(path, environment, behaviour, seed, settings, policy)
