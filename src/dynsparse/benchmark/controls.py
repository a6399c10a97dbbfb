"""The first entries of every task: guesses that no model made, and the truth itself."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from dynsparse.api.optional import needed
from dynsparse.benchmark.card import Card, make_card
from dynsparse.benchmark.predictions import Predictions, given_predictions
from dynsparse.benchmark.task import Rows, Task
from dynsparse.learning import controls

# As in a study (learning.evaluation.neighbours of config/config.yaml).
NEIGHBOURS = 10
RANDOM_SEED = 0


class Known(NamedTuple):
    """Samples as the guesses take them: inputs are normalised, so that distances make sense."""

    inputs: Float[np.ndarray, "samples inputs"]
    zero: Bool[np.ndarray, "samples outputs inputs"]
    active: Bool[np.ndarray, "samples conditions"]


class Control(NamedTuple):
    """A guess: the share of zeros that it expects of each element of each sample."""

    method: str
    privileged: tuple[str, ...]
    shares: Float[np.ndarray, "samples elements"]


def control_cards(task: Task) -> list[Card]:
    """A card of each control.

    Raises:
        DynsparseError: a package is not installed.
    """
    return [make_card(task, _predictions(task, control)) for control in _controls(task)]


def write_control_cards(task: Task, folder: Path) -> list[Path]:
    """The same as files in a folder, one for each.

    Raises:
        DynsparseError: as ``control_cards``, or they cannot be written.
    """
    paths = []
    for card in control_cards(task):
        paths.append(folder / f"{task.name}-{card.method.replace(' ', '-')}.json")
        card.save(paths[-1])
    return paths


def _controls(task: Task) -> list[Control]:
    needed("sklearn", "learn", "the control of nearest neighbours")
    train, asked = (_known(task, rows) for rows in (task.train, task.asked))
    near = controls.nearest_neighbours(train, asked, NEIGHBOURS)
    contact = controls.contact_oracle(train, asked)
    truth = asked.zero.reshape(len(asked.zero), -1).astype(float)
    told = ("zeros-train",)
    return [
        Control("mean pattern", told, controls.mean_pattern(train, asked)),
        Control("nearest neighbours", told, near),
        Control("nearest neighbours permuted", told, _permuted(task, near)),
        Control("contact oracle", ("zeros-train", "contacts-train", "contacts-test"), contact),
        Control("oracle", ("zeros-test",), truth),
    ]


def _permuted(task: Task, shares: Float[np.ndarray, "samples elements"]) -> np.ndarray:
    """Every sample's scores given to another of its part."""
    parts = np.split(shares, [len(task.validation.seed)])
    return np.concatenate([controls.permuted(part, RANDOM_SEED) for part in parts])


def _known(task: Task, rows: Rows) -> Known:
    return Known(task.scaler.inputs(rows.inputs), rows.zero, rows.active)


def _predictions(task: Task, control: Control) -> Predictions:
    edge = 1 - control.shares.reshape(-1, *task.about.shape)
    arrays = {"influence": edge, "probability": edge}
    if control.method == "oracle":
        arrays["edge"] = edge.astype(np.uint8)
    return given_predictions(task, arrays, control.method, control.privileged)
