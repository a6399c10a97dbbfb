"""The cards in a folder, each held against the task that it says it is of."""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dynsparse.benchmark.card import Card, read_card
from dynsparse.benchmark.scoring import mean_pattern_distance
from dynsparse.benchmark.task import About, Task
from dynsparse.benchmark.task_files import read_task, shipped
from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.scores import graphs

_OWN = "A task of your own is given by --task FILE"


class Entries(NamedTuple):
    """Cards, and a line for each file that is none, or none of its task."""

    cards: list[Card]
    refused: list[str]


def read_entries(folder: Path, tasks: Sequence[Task] = ()) -> Entries:
    """Every card in a folder (``*.json``).

    Args:
        folder: where they are.
        tasks: that cards may be of, beside those that are shipped.

    Raises:
        DynsparseError: no folder, or no card in it.
    """
    if not folder.is_dir():
        raise DynsparseError(f"{folder}: no such folder")
    found, read = Entries([], []), cache(read_task)
    for path in sorted(folder.glob("*.json")):
        try:
            card = read_card(path)
            ours = [read(card.task)] if card.task in shipped() else []
            problem = mismatch(card, [*tasks, *ours])
            if problem:
                raise DynsparseError(f"{path}: {problem}")
            found.cards.append(card)
        except DynsparseError as error:
            found.refused.append(str(error).removeprefix(f"{folder}/"))
    if not found.cards:
        why = (found.refused or ["`dynsparse score` writes them"])[0]
        raise DynsparseError(f"{folder}: no cards (*.json): {why}")
    return found


def mismatch(card: Card, tasks: Sequence[Task]) -> str | None:
    """Why a card cannot be of any of these tasks; None: it can.

    Fresh episodes are not here to be compared: of these, only what any episode has is known.
    """
    named = [task for task in tasks if task.name == card.task]
    if not named:
        near = did_you_mean(card.task, shipped())
        return f"task {card.task!r} is not shipped; {near} {_OWN}"
    rows, columns = named[0].about.shape
    if not card.scores["hamming_distance"] <= rows * columns:
        return f"scores/hamming_distance: a graph of {card.task} has {rows * columns} elements"
    same = [task for task in named if task.about.dataset == card.dataset]
    if card.live is not None:
        return _not_fresh(card, named[0].about, bool(same)) or _contradiction(card)
    if not same:
        return f"data {card.dataset[:12]} are not those of {card.task}. {_OWN}"
    wanted = len(same[0].test.seed)
    if card.samples != wanted:
        return f"samples: {card.samples} should be {wanted}"
    return _contradiction(card) or _other_skill(card, same[0])


def _not_fresh(card: Card, about: About, known: bool) -> str | None:
    """Why a card cannot be of a fresh episode of a task."""
    definition = about.definition
    if definition.solver is None:
        return f"live: {card.task} is of no simulator of ours, and has no live mode"
    if card.live in definition.seeds or known:
        return f"live: {card.live} and data {card.dataset[:12]} are not fresh in {card.task}"
    return (
        f"samples: {card.samples}, of at most {about.steps}" if card.samples > about.steps else None
    )


def _contradiction(card: Card) -> str | None:
    """Scores of a card that cannot stand beside each other."""
    scores, wrong = card.scores, card.scores["hamming_distance"] * card.samples
    if abs(wrong - round(wrong)) > 1e-6 * max(1.0, wrong):
        return f"scores/hamming_distance: {wrong:g} wrong elements are no whole number"
    if not math.isnan(scores["exact_samples"]) and (scores["exact_samples"] == 1) != (wrong == 0):
        return "scores/exact_samples and scores/hamming_distance contradict each other"
    return None


def _other_skill(card: Card, task: Task) -> str | None:
    skill = graphs.skill(card.scores["hamming_distance"], mean_pattern_distance(task))
    same = np.isclose(card.scores["skill"], skill, rtol=1e-6, atol=1e-9, equal_nan=True)
    return None if same else f"scores/skill: of its hamming_distance {skill:.6g} would be right"
