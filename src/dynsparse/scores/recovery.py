"""Recovery of the true zeros as rows of a table: all elements and switching ones, by contact."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from dynsparse.scores import graphs, ranking


@runtime_checkable
class Truth(Protocol):
    """What is true of samples; ``dynsparse.learning.data.samples.Samples`` is one."""

    @property
    def zero(self) -> Bool[np.ndarray, "samples outputs inputs"]: ...  # noqa: D102
    @property
    def contact(self) -> Bool[np.ndarray, " samples"]: ...  # noqa: D102


class Scored(NamedTuple):
    """Scores of validation and test samples; high where an element is held to be zero."""

    validation: Float[np.ndarray, "validation elements"]
    test: Float[np.ndarray, "test elements"]


def score_rows(scored: Scored, validation: Truth, test: Truth) -> Iterator[dict[str, Any]]:
    """One row per set of elements, regime and way of averaging.

    Switching elements are those with both labels among the test samples. ``micro`` pools the
    elements; ``element`` averages over the switching ones that have both labels in the regime. F1
    and the Hamming distance are taken at the threshold with the best F1 on the validation samples,
    for each set of elements; they belong to ``micro``.
    """
    chosen, truth = _flat(validation.zero), _flat(test.zero)
    switching = ranking.switches(truth)
    masks = {"all": np.ones_like(switching), "switching": switching}
    regimes = {
        "all": np.ones_like(test.contact),
        "contact": test.contact,
        "no_contact": ~test.contact,
    }
    for elements, mask in masks.items():
        threshold = ranking.best_threshold(scored.validation[:, mask], chosen[:, mask])
        for regime, rows in regimes.items():
            score, zero = scored.test[rows][:, mask], truth[rows][:, mask]
            facts = {"elements": elements, "regime": regime, "samples": len(zero)}
            if zero.size:
                yield facts | _micro(score, zero, threshold)
                if elements == "switching":
                    yield facts | _per_element(score, zero)


def _micro(score: ranking.Score, zero: ranking.Label, threshold: float) -> dict[str, Any]:
    called = score >= threshold
    column = (score.reshape(-1, 1), zero.reshape(-1, 1))
    return {
        "average": "micro",
        "scored_elements": zero.shape[1],
        "base_rate": float(zero.mean()),
        "auroc": float(ranking.auroc(*column)[0]),
        "average_precision": float(ranking.average_precision(*column)[0]),
        "threshold": threshold,
        "f1": graphs.f1_score(called, zero),
        "hamming_distance": graphs.hamming_distance(called, zero),
    }


def _per_element(score: ranking.Score, zero: ranking.Label) -> dict[str, Any]:
    both = ranking.switches(zero)
    score, zero = score[:, both], zero[:, both]
    return {
        "average": "element",
        "scored_elements": int(both.sum()),
        "base_rate": _mean(zero.mean(axis=0)),
        "auroc": _mean(ranking.auroc(score, zero)),
        "average_precision": _mean(ranking.average_precision(score, zero)),
    }


def _mean(values: Float[np.ndarray, " elements"]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _flat(values: Bool[np.ndarray, "samples outputs inputs"]) -> ranking.Label:
    return values.reshape(len(values), -1)
