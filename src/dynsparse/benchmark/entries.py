"""The cards in a folder, each held against the task that it says it is of."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from dynsparse.benchmark.card import Card, read_card
from dynsparse.benchmark.task import Task
from dynsparse.benchmark.task_files import read_task, shipped
from dynsparse.errors import DynsparseError, did_you_mean

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
    if card.scores["hamming_distance"] > rows * columns:
        return f"scores/hamming_distance: a graph of {card.task} has {rows * columns} elements"
    if card.live is not None:
        most = named[0].about.steps
        return f"samples: {card.samples}, of at most {most}" if card.samples > most else None
    same = [task for task in named if task.about.dataset == card.dataset]
    if not same:
        return f"data {card.dataset[:12]} are not those of {card.task}. {_OWN}"
    wanted = len(same[0].test.seed)
    return None if card.samples == wanted else f"samples: {card.samples} should be {wanted}"
