"""Errors of models where one input has been moved, beside those where it was recorded."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pyarrow as pa
from jaxtyping import Array, Bool, Float

from dynsparse.learning.data.interventions import (
    BLOWN_UP,
    OUT_OF_RANGE,
    SIGMAS,
    STEPPED,
    UNREPEATED,
    Interventions,
)
from dynsparse.learning.data.preparation import Prepared
from dynsparse.learning.models import WorldModel
from dynsparse.learning.models.base import Facts
from dynsparse.learning.scoring.records import IDENTITY, null
from dynsparse.learning.training.epochs import compiled, facts_of, over_seeds

# Errors are in normalised units, as all others are.
SCHEMA = pa.schema(
    [
        *IDENTITY,
        ("sigmas", pa.float64()),
        ("samples", pa.int64()),
        ("unrepeated", pa.int64()),
        ("interventions", pa.int64()),
        ("out_of_range", pa.int64()),
        ("blown_up", pa.int64()),
        ("outputs_unmoved", pa.int64()),
        ("zeros_unmoved", pa.int64()),
        ("unmoved_mse", pa.float64()),
        ("recorded_mse", pa.float64()),
        ("intervened_mse", pa.float64()),
    ]
)

Predict = Callable[[WorldModel, Array, Facts], Float[Array, "seeds samples outputs"]]


class Errors(NamedTuple):
    """Mean squared errors of each seed, by ``SIGMAS``; not a number where there is none.

    Attributes:
        unmoved: of the outputs that stay, at the moved input.
        recorded: of the same outputs, each as often, at the recorded input.
        intervened: of all outputs at the moved input.
    """

    unmoved: Float[np.ndarray, "sigmas seeds"]
    recorded: Float[np.ndarray, "sigmas seeds"]
    intervened: Float[np.ndarray, "sigmas seeds"]


def make_predict() -> Predict:
    """A compiled function: every seed's predictions, of models with an axis of seeds."""

    def one(model: WorldModel, inputs: Array, facts: Facts) -> Array:
        return model.told(facts)(inputs)

    return compiled(over_seeds(one))


def errors(predict: Predict, model: WorldModel, prepared: Prepared, moves: Interventions) -> Errors:
    """The errors of all seeds of a model.

    What a model is told beside state and action, such as a mask, is that of the recorded sample.

    Args:
        predict: ``make_predict``'s.
        model: with an axis of seeds.
        prepared: with the test samples that were moved.
        moves: of these.
    """
    test, facts = prepared.test, facts_of(model, prepared.test)
    # Where an output stays, its truth is the recorded one, up to the engines' rounding.
    truth = test.next_state.astype(float)
    elsewhere = prepared.scaler.outputs(moves.next_state)

    def squared(inputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return (np.asarray(predict(model, jnp.asarray(inputs), facts), float) - truth) ** 2

    here = squared(test.inputs, truth)
    sums, terms = np.zeros((3, len(SIGMAS), len(here))), np.zeros((3, len(SIGMAS), 1))
    for at, column in np.ndindex(moves.outcome.shape[:2]):
        inputs = test.inputs.copy()
        inputs[:, column] += np.float32(SIGMAS[at]) * moves.sign[column].astype(np.float32)
        stay = moves.unmoved[at, column]
        stepped = np.broadcast_to((moves.outcome[at, column] == STEPPED)[:, None], stay.shape)
        found = (
            (squared(inputs, truth), stay),
            (here, stay),
            (squared(inputs, elsewhere[at, column]), stepped),
        )
        for kind, (values, which) in enumerate(found):
            sums[kind, at] += values[:, which].sum(axis=1)
            terms[kind, at] += which.sum()
    with np.errstate(invalid="ignore"):
        return Errors(*sums / terms)


def counts(prepared: Prepared, moves: Interventions) -> list[dict[str, Any]]:
    """How many moves there were by each of ``SIGMAS``, and how many outputs they left unmoved.

    ``zeros_unmoved`` are those whose element of the recorded step's Jacobian is zero.
    """
    zero: Bool[np.ndarray, "inputs samples outputs"] = prepared.test.zero.transpose(2, 0, 1)
    unrepeated = int((moves.outcome[0] == UNREPEATED).any(axis=0).sum())
    return [
        {
            "sigmas": sigmas,
            "samples": moves.outcome.shape[2] - unrepeated,
            "unrepeated": unrepeated,
            "interventions": int((outcome == STEPPED).sum()),
            "out_of_range": int((outcome == OUT_OF_RANGE).sum()),
            "blown_up": int((outcome == BLOWN_UP).sum()),
            "outputs_unmoved": int(unmoved.sum()),
            "zeros_unmoved": int((unmoved & zero).sum()),
        }
        for sigmas, outcome, unmoved in zip(SIGMAS, moves.outcome, moves.unmoved, strict=True)
    ]


def rows(
    shared: Mapping[str, Any], seeds: list[int | None], found: Errors, counted: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """A row of ``SCHEMA`` for each seed and each of ``SIGMAS``."""
    for number, seed in enumerate(seeds):
        for at, facts in enumerate(counted):
            means = {f"{name}_mse": null(v[at, number]) for name, v in found._asdict().items()}
            yield {**shared, "seed": seed, **facts, **means}
