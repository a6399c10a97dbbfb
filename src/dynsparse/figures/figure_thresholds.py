"""What a threshold for a network's zeros decides (beyond the paper)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from dynsparse.figures.learned import by_network, legend_below, line_with_band, looks
from dynsparse.figures.style import PANEL_WIDTH_IN, logarithmic, styled
from dynsparse.tables.learned import (
    cases,
    healthy,
    learners,
    of_case,
    ordered,
    select,
    series,
    trained,
)

# A share of fewer elements than this is noise, and is not drawn.
FEWEST = 1e-3


@styled()
def figure_thresholds(sparsity: pa.Table, split: str, plain: Sequence[str]) -> Figure:
    """Models' zeros over the threshold, one row of panels per environment.

    Args:
        sparsity: tables of kind ``learning_sparsity`` of all environments and learners.
        split: which kind of split is shown.
        plain: the learners that go by the paper's labels.

    Returns:
        Left the share of elements below the threshold, with the true share dashed; right the share
        of them that is truly zero, with what chance would give dashed. Seeds that failed are left
        out.
    """
    mine = select(trained(sparsity), split=split)
    shown, styles = cases(mine), looks(mine, plain)
    size = (2 * PANEL_WIDTH_IN, 2.1 * len(shown) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(shown), 2, squeeze=False, sharex=True)
    for (left, right), case in zip(grid, shown, strict=True):
        rows = ordered(of_case(mine, case))
        fine = healthy(rows)
        for panel, column in ((left, "sparsity"), (right, "precision")):
            for name in learners(fine):
                own = select(fine, learner=name)
                thresholds, values = by_network(own, "threshold", column)
                if column == "precision":
                    shares = by_network(own, "threshold", "sparsity")[1]
                    values = np.where(shares >= FEWEST, values, np.nan)
                line_with_band(panel, thresholds, values, styles[name])
            truth = float(np.nanmean(np.sort(series(rows, "true_sparsity"))))
            panel.axhline(truth, color="black", linestyle="--", linewidth=1)
            logarithmic(panel, "x")
            panel.set_title("{} ({})".format(*case))
            panel.set_ylim(-0.03, 1.03)
        left.set_ylabel("share of elements below it")
        right.set_ylabel("share of these truly zero")
    for panel in grid[-1]:
        panel.set_xlabel("threshold of |J| [normalised]")
    legend_below(figure)
    return figure
