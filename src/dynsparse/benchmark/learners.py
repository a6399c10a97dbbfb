"""Entries of our own: the learners of a study, scored as anybody's models are."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dynsparse.api.optional import needed
from dynsparse.api.study import Study
from dynsparse.api.world_model import WorldModel
from dynsparse.benchmark.card import Card
from dynsparse.benchmark.evaluator import Evaluator
from dynsparse.benchmark.task import Task
from dynsparse.benchmark.task_files import paths_in
from dynsparse.errors import DynsparseError
from dynsparse.learning.learners import JACOBIANS, MODEL, ZEROS, facts_told

# What a learner is told, in the words of a card.
PRIVILEGE = {JACOBIANS: "jacobian-train", ZEROS: "zeros-train", MODEL: "model-xml"}
# Sums in another order differ by less, and another split's by far more.
SAME_SCALE = 1e-9


def learner_cards(task: Task, results: Path) -> list[Card]:
    """A card for each learner and seed of a study, trained with the task's own split.

    Learners that are told of single samples, which no entry is, are left out.

    Raises:
        DynsparseError: it is of other data, was trained on other samples, or JAX is not installed.
    """
    needed("jax", "learn", "a card of a learner")
    evaluator = Evaluator(task, paths_in(results, task.about.definition))
    return [_card(evaluator, model) for model in _models(task, Study.open(results))]


def _models(task: Task, study: Study) -> Iterator[WorldModel]:
    from dynsparse.learning.models import ARCHITECTURES

    section, definition = study.config["learning"], task.about.definition
    for name, learner in section["learners"].items():
        if ARCHITECTURES[learner["architecture"]].privileged:
            continue
        for seed in section["seeds"]:
            yield study.world_model(
                definition.environment,
                name,
                behaviour=definition.behaviour,
                seed=seed,
                split=f"{definition.split.kind}-{definition.split.number}",
            )


def predictions(task: Task, model: WorldModel) -> dict[str, np.ndarray]:
    """What a world model says of a task's samples, by the names of a prediction file.

    Raises:
        DynsparseError: it was not trained on the task's training samples.
    """
    _check_trained_here(task, model)
    found = model.linearise(task.asked.state, task.asked.action)
    jacobian = np.concatenate([found.state_jacobian, found.action_jacobian], axis=2)
    return {
        "influence": np.abs(task.scaler.jacobian(jacobian)),
        "next_state": found.next_state,
        "jacobian": jacobian,
        "rollout": _rollout(task, model),
    }


def _rollout(task: Task, model: WorldModel) -> np.ndarray:
    state, states = task.rollouts.state, []
    for action in task.rollouts.action.swapaxes(0, 1):
        state = model(state, action)
        states.append(state)
    return np.stack(states, axis=1)


def _card(evaluator: Evaluator, model: WorldModel) -> Card:
    about = model.about
    return evaluator.score(
        predictions(evaluator.task, model),
        method=f"learner {about['learner']}, seed {about['seed']}",
        privileged=_told(about["section"]["learners"][about["learner"]]),
    )


def _told(learner: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(PRIVILEGE[words] for words in facts_told(learner))


def _check_trained_here(task: Task, model: WorldModel) -> None:
    """A scaler is made of the training samples, and kept with the weights: it tells them."""
    ours, theirs = task.scaler, model.scaler
    scales = ours.input_scale, ours.input_scale, ours.output_scale, ours.output_scale
    for wanted, found, scale in zip(ours, theirs, scales, strict=True):
        if wanted.shape != found.shape or (np.abs(wanted - found) > SAME_SCALE * scale).any():
            raise DynsparseError(
                f"learner {model.about['learner']}: trained on other samples than those of"
                f" {task.name}: its scaler is another"
            )
