"""The first entries of every task: guesses that no model made, and the truth itself."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from dynsparse.api.optional import needed
from dynsparse.benchmark.card import Card, make_card
from dynsparse.benchmark.predictions import Predictions, given_predictions
from dynsparse.benchmark.task import Rows, Task
from dynsparse.learning.scoring import controls

# As in a study (learning.evaluation.neighbours of config/config.yaml).
NEIGHBOURS = 10
RANDOM_SEED = 0


class Known(NamedTuple):
    """Samples as the guesses take them: inputs are normalised, so that distances make sense."""

    inputs: Float[np.ndarray, "samples inputs"]
    zero: Bool[np.ndarray, "samples outputs inputs"]
    active: Bool[np.ndarray, "samples conditions"]


class Control(NamedTuple):
    """A guess: the share of zeros that it expects of each element of each sample.

    ``exact`` shares are 0 or 1, and a graph.
    """

    method: str
    privileged: tuple[str, ...]
    shares: Float[np.ndarray, "samples elements"]
    exact: bool = False


def control_cards(task: Task) -> list[Card]:
    """A card of each control.

    Raises:
        DynsparseError: a package is not installed.
    """
    return [make_card(task, _predictions(task, control)) for control in _controls(task)]


def _controls(task: Task) -> list[Control]:
    needed("sklearn", "learn", "the control of nearest neighbours")
    train, asked = (_known(task, rows) for rows in (task.train, task.asked))
    near = controls.nearest_neighbours(train, asked, NEIGHBOURS)
    contact = controls.contact_oracle(train, asked)
    truth = asked.zero.reshape(len(asked.zero), -1).astype(float)
    mean = controls.mean_pattern(train, asked)
    told = ("zeros-train",)
    return [
        Control("nothing is zero", (), np.zeros_like(truth), exact=True),
        Control("always zero in training", told, (mean == 1).astype(float), exact=True),
        Control("mean pattern", told, mean),
        Control("nearest neighbours", told, near),
        Control("nearest neighbours permuted", told, _permuted(task, near)),
        Control("contact oracle", ("zeros-train", "contacts-train", "contacts-test"), contact),
        Control("oracle", ("zeros-test",), truth, exact=True),
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
    if control.exact:
        arrays["edge"] = edge.astype(np.uint8)
    return given_predictions(task, arrays, control.method, control.privileged)
