"""Figure 8: prediction and sparsity of world models under five losses (section 5.4)."""

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.learned import COLOURS, LABELS, log_scale
from dynsparse.figures.style import power_of_ten, styled
from dynsparse.learning.selection import cases, healthy, losses, select, series, trained

# Where a model without a single zero is drawn: no logarithm exists there.
FLOOR = 1e-7
REFERENCE = "state"


@styled()
def figure_8(curves: pa.Table, sparsity: pa.Table, split: str, threshold: float) -> Figure:
    """Next-state error on test data, and sparsity relative to the truth, by loss.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and losses.
        sparsity: likewise of kind ``learning_sparsity``.
        split: which split of the samples is shown.
        threshold: below which an element of a model's Jacobian is zero.

    Returns:
        Left the test error, divided by the mean of the environment's models under ``state``; right
        the mean over test samples of the model's share of zeros divided by the true one. Points
        are single models, boxes hold the middle half of all environments and seeds. Seeds that
        failed are left out.
    """
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    models = select(curves, split=split)
    names, environments = losses(models), len(cases(models))
    finished = trained(healthy(models))
    _boxes(left, {loss: relative_errors(finished, loss) for loss in names})
    log_scale(left)
    left.axhline(1, color="black", linewidth=0.6, linestyle=":")
    left.set_ylabel("next-state error, relative to MSE(s)")
    left.set_title("Prediction on test data")
    chosen = healthy(select(sparsity, split=split, threshold=threshold))
    end = trained(chosen)
    _points(right, {loss: _above_floor(end, loss) for loss in names})
    begin = series(select(chosen, epoch=0), "relative_sparsity")
    _reference(right, float(np.nanmean(begin)) if len(begin) else 0.0)
    right.set_title(f"Sparsity, |x| < {power_of_ten(threshold)}")
    figure.suptitle(
        f"World models of {environments} environment{'s' * (environments > 1)}, split by {split}",
        fontsize=9,
    )
    return figure


def relative_errors(finished: pa.Table, loss: str) -> Float[np.ndarray, " models"]:
    """Test errors under a loss, in units of the environment's mean under ``state``."""
    parts = []
    for environment, behaviour in cases(finished):
        mine = select(finished, environment=environment, behaviour=behaviour)
        error = series(select(mine, loss=loss), "test_state_mse")
        reference = series(select(mine, loss=REFERENCE), "test_state_mse")
        if len(reference):
            parts.append(error / reference.mean())
    return np.concatenate(parts) if parts else np.zeros(0)


def _above_floor(table: pa.Table, loss: str) -> Float[np.ndarray, " models"]:
    values = series(select(table, loss=loss), "relative_sparsity")
    return np.maximum(values[np.isfinite(values)], FLOOR)


def _boxes(axes: Axes, groups: dict[str, np.ndarray]) -> None:
    for position, values in enumerate(groups.values()):
        if len(values):
            black = {"color": "black"}
            axes.boxplot(
                values, positions=[position], widths=0.6, showfliers=False, medianprops=black
            )
    _points(axes, groups)


def _points(axes: Axes, groups: dict[str, np.ndarray]) -> None:
    """Single models, moved aside at random so that equal ones show."""
    rng = np.random.default_rng(0)
    for position, (loss, values) in enumerate(groups.items()):
        aside = position + rng.uniform(-0.2, 0.2, len(values))
        axes.plot(aside, values, ".", color=COLOURS[loss], markersize=5, alpha=0.8)
    axes.set_xticks(range(len(groups)), [LABELS[loss] for loss in groups], rotation=20)


def _reference(axes: Axes, initial: float) -> None:
    """Lines for the truth and for untrained models, and a floor for models without any zero."""
    axes.set_yscale("log")
    axes.set_ylim(FLOOR / 2, 30)
    ticks = 10.0 ** np.arange(-6, 2)
    axes.set_yticks([FLOOR, *ticks], ["none", *(power_of_ten(tick) for tick in ticks)])
    axes.minorticks_off()
    axes.axhline(1, color="black", linewidth=1, linestyle="--", label="target")
    axes.axhline(max(initial, FLOOR), color="black", linewidth=1, linestyle=":", label="initial")
    axes.set_ylabel("sparsity, relative to the truth")
    axes.legend(loc="upper left", ncols=2)
