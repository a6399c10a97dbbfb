"""How prediction errors compound when a model is fed its own predictions (beyond the paper)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.learned import by_network, legend_below, line_with_band, log_scale, looks
from dynsparse.figures.style import panels, styled
from dynsparse.tables.learned import cases, learners, of_case, ordered, select

DIVERGED = 100.0  # standard deviations; where a prediction is worse, its line leaves the panel


@styled()
def figure_rollout(rollout: pa.Table, split: str, plain: Sequence[str]) -> Figure:
    """Error over the number of steps predicted in open loop, one panel per environment.

    Args:
        rollout: tables of kind ``learning_rollout`` of all environments and learners.
        split: which kind of split is shown.
        plain: the learners that go by the paper's labels.

    Returns:
        Lines are means over splits and seeds of the median over test windows, bands reach from the
        best to the worst network; broken grey lines are models without hidden layers. A line ends
        where any of its networks diverges, and leaves its panel where it is more than a hundred
        standard deviations off.
    """
    mine = select(rollout, split=split)
    shown, styles = cases(mine), looks(mine, plain)
    figure, axes = panels(max(len(shown), 1), height_in=2.2)
    for panel, case in zip(axes, shown, strict=False):
        rows = ordered(of_case(mine, case))
        for name in learners(rows):
            steps, grid = by_network(select(rows, learner=name), "horizon", "median_error")
            held = np.logical_and.accumulate(np.isfinite(grid).all(axis=0))
            line_with_band(panel, steps[held], grid[:, held], styles[name])
        _axis(panel, sorted(set(rows["horizon"].to_pylist())))
        panel.set_title("{} ({})".format(*case))
        panel.set_xlabel("steps predicted in open loop")
    if not shown:
        axes[0].text(0.5, 0.5, "no test episodes, or none long enough", ha="center", va="center")
    figure.supylabel("median error of the state\n[standard deviations]", fontsize=8)
    legend_below(figure)
    return figure


def _axis(axes: Axes, steps: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(steps, [str(step) for step in steps])
    axes.minorticks_off()
    log_scale(axes)
    drawn = np.concatenate([line.get_ydata() for line in axes.lines])
    if len(drawn):
        axes.set_ylim(drawn.min() / 1.5, min(axes.get_ylim()[1], DIVERGED))
