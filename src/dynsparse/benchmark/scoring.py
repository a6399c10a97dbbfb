"""A model's predictions, scored."""

import math
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from dynsparse.benchmark.predictions import Predictions
from dynsparse.benchmark.task import Task
from dynsparse.learning.scoring.controls import mean_pattern
from dynsparse.scores import agreement, calibration, graphs, ranking
from dynsparse.scores.graphs import LATE
from dynsparse.scores.recovery import Scored, score_rows

Flat = Bool[np.ndarray, "samples elements"]
# What a card has a score for, as tables call it. NaN, or null in a file: not to be had.
TITLES = {
    "skill": "skill over the mean pattern",
    "auroc": "AUROC of zeros, switching elements",
    "average_precision": "average precision, likewise",
    "auroc_by_element": "AUROC, mean over switching elements",
    "average_precision_by_element": "average precision, likewise by element",
    "f1": "F1 of zeros, all elements",
    "hamming_distance": "wrong elements per sample",
    "exact_precision": "exact zeros: precision",
    "exact_recall": "exact zeros: recall",
    "exact_samples": "exact zeros: samples without a mistake",
    "change_precision": "changes: precision",
    "change_recall": "changes: recall",
    "change_f1": "changes: F1",
    "regime_patterns": "regimes: agreement with zero patterns",
    "regime_contacts": "regimes: agreement with contacts",
    "brier": "Brier score, switching elements",
    "calibration_error": "calibration error, switching elements",
    "next_state_squared": "next state: squared error",
    "jacobian_squared": "Jacobian: squared error",
    "jacobian_absolute": "Jacobian: absolute error",
    "rollout_median": "open loop: median error at the end",
    "rollout_diverged": "open loop: share not finite by the end",
}
# What a score can be, whatever is scored.
BOUNDS = {
    **dict.fromkeys(TITLES, (0.0, 1.0)),
    "skill": (-math.inf, 1.0),
    **dict.fromkeys(("regime_patterns", "regime_contacts"), (-1.0, 1.0)),
    **dict.fromkeys(("hamming_distance", "next_state_squared"), (0.0, math.inf)),
    **dict.fromkeys(("jacobian_squared", "jacobian_absolute", "rollout_median"), (0.0, math.inf)),
}
Scores = dict[str, float]
Jacobians = Float[np.ndarray, "samples outputs inputs"]


def recovery_rows(task: Task, influence: np.ndarray) -> list[dict[str, Any]]:
    """Rows as a study's table of recovery has them, of influence on the samples asked for."""
    scores = -_flat(np.asarray(influence, np.float64))
    count = len(task.validation.seed)
    return list(score_rows(Scored(scores[:count], scores[count:]), task.validation, task.test))


def mean_pattern_distance(task: Task) -> float:
    """Wrong elements per sample of the mean pattern of the training samples."""
    count = len(task.validation.seed)
    chosen, tested = np.split(mean_pattern(task.train, task.asked), [count])
    threshold = ranking.best_threshold(chosen, _flat(task.validation.zero))
    return graphs.hamming_distance(tested >= threshold, _flat(task.test.zero))


def score(task: Task, predictions: Predictions, jacobian: Jacobians | None = None) -> Scores:
    """Every score of ``TITLES``; NaN where the predictions do not have what it needs.

    Args:
        task: of the predictions.
        predictions: of all samples that it asks for.
        jacobian: the true ones of the test samples, if they are there.
    """
    arrays, count = predictions.arrays, len(task.validation.seed)
    test = {name: values[count:] for name, values in arrays.items() if "rollout" not in name}
    zero = _flat(task.test.zero)
    switching = ranking.switches(zero)
    rows = recovery_rows(task, arrays["influence"])
    every, some = _of(rows, "all", "micro"), _of(rows, "switching", "micro")
    called = -_flat(test["influence"].astype(np.float64)) >= every["threshold"]
    result = dict.fromkeys(TITLES, float("nan"))
    for name in ("auroc", "average_precision"):
        result[name] = some.get(name, float("nan"))
        result[f"{name}_by_element"] = _of(rows, "switching", "element").get(name, float("nan"))
    if "edge" in test:
        called = _flat(test["edge"] == 0)
        exact = graphs.exact_zeros(called, zero)
        result.update({f"exact_{name}": getattr(exact, name) for name in _EXACT})
    result["f1"] = graphs.f1_score(called, zero)
    result["hamming_distance"] = graphs.hamming_distance(called, zero)
    result["skill"] = graphs.skill(result["hamming_distance"], mean_pattern_distance(task))
    change = graphs.change_detection(called, zero, task.test.follows, LATE)
    result.update({f"change_{name}": value for name, value in change._asdict().items()})
    if "regime" in test:
        regime = test["regime"].astype(np.int64)
        for name, rows_of in (("patterns", zero), ("contacts", task.test.active)):
            kinds = agreement.kinds(rows_of)
            result[f"regime_{name}"] = agreement.adjusted_rand_index(regime, kinds)
    if "probability" in test:
        said, edge = (
            _flat(test["probability"].astype(np.float64))[:, switching],
            ~zero[:, switching],
        )
        result["brier"] = calibration.brier_score(said, edge)
        result["calibration_error"] = calibration.calibration_error(said, edge)
    return {**result, **_errors(task, {**arrays, **test}, jacobian)}


_EXACT = ("precision", "recall", "samples")


def _errors(task: Task, given: dict[str, np.ndarray], jacobian: Jacobians | None) -> Scores:
    """Errors in units of the training samples' standard deviations."""
    scaler, result = task.scaler, {}
    if "next_state" in given:
        error = scaler.outputs(given["next_state"]) - scaler.outputs(task.test.next_state)
        result["next_state_squared"] = float((error**2).mean())
    if "jacobian" in given and jacobian is not None:
        error = scaler.jacobian(given["jacobian"] - jacobian)
        result["jacobian_squared"] = float((error**2).mean())
        result["jacobian_absolute"] = float(np.abs(error).mean())
    if "rollout" in given:
        result.update(_rollout_errors(task, given["rollout"]))
    return result


def _rollout_errors(task: Task, rollout: np.ndarray) -> Scores:
    """Errors after the last step: the root mean square over dimensions.

    What is not finite at any step has diverged, and is larger than everything. Nothing else is
    asked of the steps before the last one.
    """
    with np.errstate(all="ignore"):
        last = rollout[:, -1].astype(np.float64)
        error = task.scaler.outputs(last) - task.scaler.outputs(task.rollouts.truth[:, -1])
        size = np.sqrt((error**2).mean(axis=1))
        size[~np.isfinite(size) | ~np.isfinite(rollout).all(axis=(1, 2))] = np.inf
        median = float(np.median(size))
    return {
        "rollout_median": median if np.isfinite(median) else float("nan"),
        "rollout_diverged": float((~np.isfinite(size)).mean()),
    }


def _of(rows: list[dict[str, Any]], elements: str, average: str) -> dict[str, Any]:
    """The row of all regimes; empty where no element switches."""
    wanted = (elements, "all", average)
    found = [row for row in rows if (row["elements"], row["regime"], row["average"]) == wanted]
    return found[0] if found else {}


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)
