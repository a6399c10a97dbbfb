"""What a model says of the graph beyond a ranking of its elements: columns of ``recovery``."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dynsparse.learning.data.preparation import Prepared
from dynsparse.learning.data.samples import Samples
from dynsparse.learning.scoring import controls
from dynsparse.scores import agreement, calibration, graphs, ranking
from dynsparse.scores.graphs import LATE
from dynsparse.scores.recovery import Scored, score_rows

Row = dict[str, Any]
Score = Float[np.ndarray, "samples elements"]

# A row is of these elements, in this regime, averaged in this way.
KEY = ("elements", "regime", "average")
WHOLE = ("all", "all", "micro")


class Said(NamedTuple):
    """What a model says of samples; an element is high where it is held to be zero.

    Attributes:
        scored: of validation and test samples.
        running: of those that follow each other.
        zero: which elements of test samples it calls zero without any threshold, if it does.
        open: how probable it is that they are not, if it says.
        regime: the number of each test sample's regime, if it has any.
    """

    scored: Scored
    running: Score | None = None
    zero: Bool[np.ndarray, "samples elements"] | None = None
    open: Score | None = None
    regime: Int[np.ndarray, " samples"] | None = None


def mean_pattern_rows(asked: Prepared) -> dict[Any, Row]:
    """What the mean pattern scores, by ``KEY``: what skill is measured from."""
    train, parts = asked.samples.take(asked.split.train), (asked.validation, asked.test)
    scored = Scored(*(controls.mean_pattern(train, part) for part in parts))
    return {_key(row): row for row in score_rows(scored, asked.validation, asked.test)}


def graph_rows(said: Said, asked: Prepared, mean_pattern: Mapping[Any, Row]) -> Iterable[Row]:
    """``score_rows``, with the columns that ``records.RECOVERY`` has beside theirs."""
    for row in score_rows(said.scored, asked.validation, asked.test):
        if "hamming_distance" in row:
            of_mean = mean_pattern[_key(row)]["hamming_distance"]
            row |= {"skill": graphs.skill(row["hamming_distance"], of_mean)}
        yield row | _of_all(said, asked, row["threshold"]) if _key(row) == WHOLE else row


def _of_all(said: Said, asked: Prepared, threshold: float) -> Row:
    """The columns of the row of all elements and samples."""
    zero = _flat(asked.test)
    row: Row = {}
    if said.running is not None:
        called, truth = said.running >= threshold, _flat(asked.running)
        found = graphs.change_detection(called, truth, _follows(asked.running), LATE)
        row |= {f"change_{name}": value for name, value in found._asdict().items()}
    if said.zero is not None:
        exact = graphs.exact_zeros(said.zero, zero)
        row |= {f"exact_{n}": getattr(exact, n) for n in ("precision", "recall", "samples")}
    if said.open is not None:
        switching = ranking.switches(zero)
        pair = said.open[:, switching], ~zero[:, switching]
        row["brier_score"] = calibration.brier_score(*pair)
        row["calibration_error"] = calibration.calibration_error(*pair)
    if said.regime is not None:
        for name, truth in (("pattern", zero), ("contact", asked.test.active)):
            kinds = agreement.kinds(truth)
            row[f"{name}_agreement"] = agreement.adjusted_rand_index(said.regime, kinds)
    return row


def _follows(samples: Samples) -> Bool[np.ndarray, " samples"]:
    """Whether a sample is the step after the one before."""
    follows = np.zeros(len(samples.step), bool)
    follows[1:] = (np.diff(samples.episode) == 0) & (np.diff(samples.step) == 1)
    return follows


def _flat(samples: Samples) -> Bool[np.ndarray, "samples elements"]:
    return samples.zero.reshape(len(samples.zero), -1)


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY)
