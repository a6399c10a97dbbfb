"""Figure 8: prediction and sparsity of world models, beside controls (section 5.4)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.learned import Look, label, log_scale, looks, name_below
from dynsparse.figures.style import power_of_ten, styled
from dynsparse.tables.learned import (
    cases,
    healthy,
    numbers,
    of_case,
    ordered,
    select,
    series,
    trained,
)

# Where a model without a single zero is drawn: no logarithm exists there.
FLOOR = 1e-7


@styled()
def figure_8(
    curves: pa.Table,
    sparsity: pa.Table,
    split: str,
    threshold: float,
    plain: Sequence[str],
    reference: str,
) -> Figure:
    """Next-state error on test data, and sparsity relative to the truth, by learner.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        sparsity: likewise of kind ``learning_sparsity``.
        split: which kind of split is shown.
        threshold: below which an element of a model's Jacobian is zero.
        plain: the learners that go by the paper's labels.
        reference: the learner that errors are relative to.

    Returns:
        Left the test error, divided by the mean of the models of ``reference`` of the same split of
        the environment; right the mean over test samples of the model's share of zeros divided by
        the true one. Points are single models, boxes hold the middle half of all environments,
        splits and seeds. *Initial* is the mean of untrained models of ``reference``. Seeds that
        failed are left out.
    """
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    models = ordered(select(curves, split=split))
    shown, environments = looks(models, plain), len(cases(models))
    finished = trained(healthy(models))
    _boxes(left, {name: relative_errors(finished, name, reference) for name in shown}, shown)
    log_scale(left)
    left.axhline(1, color="black", linewidth=0.6, linestyle=":")
    left.set_ylabel(f"next-state error, relative to {label(reference, plain)}")
    left.set_title("Prediction on test data")
    chosen = ordered(healthy(select(sparsity, split=split, threshold=threshold)))
    end = trained(chosen)
    _points(right, {name: _above_floor(end, name) for name in shown}, shown)
    begin = np.sort(series(select(chosen, epoch=0, learner=reference), "relative_sparsity"))
    _reference(right, float(np.nanmean(begin)) if len(begin) else None)
    right.set_title(f"Sparsity, |x| < {power_of_ten(threshold)}")
    figure.suptitle(
        f"World models of {environments} environment{'s' * (environments > 1)}, split by {split}",
        fontsize=9,
    )
    return figure


def relative_errors(
    finished: pa.Table, learner: str, reference: str
) -> Float[np.ndarray, " models"]:
    """Test errors of a learner, in units of the mean of ``reference`` in the same split."""
    parts = []
    for case in cases(finished):
        for number in numbers(of_case(finished, case)):
            mine = select(of_case(finished, case), number=number)
            error = series(select(mine, learner=learner), "test_state_mse")
            base = np.sort(series(select(mine, learner=reference), "test_state_mse"))
            if len(base):
                parts.append(error / base.mean())
    return np.concatenate(parts) if parts else np.zeros(0)


def _above_floor(table: pa.Table, learner: str) -> Float[np.ndarray, " models"]:
    values = np.concatenate(
        [
            series(select(of_case(table, case), learner=learner), "relative_sparsity")
            for case in cases(table)
        ]
        or [np.zeros(0)]
    )
    return np.maximum(values[np.isfinite(values)], FLOOR)


def _boxes(axes: Axes, groups: dict[str, np.ndarray], shown: dict[str, Look]) -> None:
    for position, values in enumerate(groups.values()):
        if len(values):
            black = {"color": "black"}
            axes.boxplot(
                values, positions=[position], widths=0.6, showfliers=False, medianprops=black
            )
    _points(axes, groups, shown)


def _points(axes: Axes, groups: dict[str, np.ndarray], shown: dict[str, Look]) -> None:
    """Single models, moved aside at random so that equal ones show."""
    rng = np.random.default_rng(0)
    for position, (name, values) in enumerate(groups.items()):
        aside = position + rng.uniform(-0.2, 0.2, len(values))
        axes.plot(aside, values, ".", color=shown[name].colour, markersize=5, alpha=0.8)
    name_below(axes, [shown[name] for name in groups])


def _reference(axes: Axes, initial: float | None) -> None:
    """Lines for the truth and the untrained reference, and a floor for models without a zero."""
    axes.set_yscale("log")
    axes.set_ylim(FLOOR / 2, 300)  # the legend is above the marks
    ticks = 10.0 ** np.arange(-6, 2)
    axes.set_yticks([FLOOR, *ticks], ["none", *(power_of_ten(tick) for tick in ticks)])
    axes.minorticks_off()
    axes.axhline(1, color="black", linewidth=1, linestyle="--", label="target")
    if initial is not None:
        level = max(initial, FLOOR)
        axes.axhline(level, color="black", linewidth=1, linestyle=":", label="initial")
    axes.set_ylabel("sparsity, relative to the truth")
    axes.legend(loc="upper left", ncols=2)
