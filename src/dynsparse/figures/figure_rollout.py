"""How prediction errors compound when a model is fed its own predictions (beyond the paper)."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.learned import (
    CONTROL,
    LABELS,
    by_seed,
    legend_below,
    line_with_band,
    log_scale,
)
from dynsparse.figures.style import panels, styled
from dynsparse.learning.selection import cases, losses, select, series

DIVERGED = 100.0  # standard deviations; where a prediction is worse, its line leaves the panel


@styled()
def figure_rollout(rollout: pa.Table) -> Figure:
    """Error over the number of steps predicted in open loop, one panel per environment.

    Args:
        rollout: tables of kind ``learning_rollout`` of all environments and losses.

    Returns:
        Lines are means over seeds of each seed's median over test windows, bands reach from the
        best to the worst seed; the grey line is the guess that the state does not change. A line
        ends where any of its seeds diverges, and leaves its panel where it is more than a hundred
        standard deviations off.
    """
    shown = cases(rollout)
    figure, axes = panels(max(len(shown), 1), height_in=2.2)
    for panel, (environment, behaviour) in zip(axes, shown, strict=False):
        rows = select(rollout, environment=environment, behaviour=behaviour)
        models = select(rows, source="model")
        for loss in losses(models):
            steps, grid = by_seed(select(models, loss=loss), "horizon", "median_error")
            held = np.logical_and.accumulate(np.isfinite(grid).all(axis=0))
            line_with_band(panel, steps[held], grid[:, held], loss, LABELS[loss])
        _persistence(panel, select(rows, source="persistence"))
        panel.set_title(f"{environment} ({behaviour})")
        panel.set_xlabel("steps predicted in open loop")
    if not shown:
        axes[0].text(0.5, 0.5, "no test episodes, or none long enough", ha="center", va="center")
    figure.supylabel("median error of the state\n[standard deviations]", fontsize=8)
    legend_below(figure)
    return figure


def _persistence(axes: Axes, rows: pa.Table) -> None:
    """The same under every loss; drawn once."""
    first = select(rows, loss=losses(rows)[0]).sort_by("horizon")
    steps, error = series(first, "horizon"), series(first, "median_error")
    axes.plot(steps, error, color=CONTROL, linestyle="--", label="no change")
    axes.set_xscale("log")
    axes.set_xticks(steps, [f"{step:.0f}" for step in steps])
    axes.minorticks_off()
    log_scale(axes)
    lowest = np.concatenate([line.get_ydata() for line in axes.lines]).min()
    axes.set_ylim(lowest / 1.5, min(axes.get_ylim()[1], DIVERGED))
