"""What a threshold for a network's zeros decides (beyond the paper)."""

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from dynsparse.figures.learned import LABELS, by_seed, legend_below, line_with_band
from dynsparse.figures.style import PANEL_WIDTH_IN, styled
from dynsparse.learning.selection import cases, healthy, losses, select, series, trained

# A share of fewer elements than this is noise, and is not drawn.
FEWEST = 1e-3


@styled()
def figure_thresholds(sparsity: pa.Table, split: str) -> Figure:
    """Trained models' zeros over the threshold, one row of panels per environment.

    Args:
        sparsity: tables of kind ``learning_sparsity`` of all environments and losses.
        split: which split of the samples is shown.

    Returns:
        Left the share of elements below the threshold, with the true share dashed; right the share
        of them that is truly zero, with what chance would give dashed. Seeds that failed are left
        out.
    """
    mine = select(trained(sparsity), split=split)
    shown = cases(mine)
    size = (2 * PANEL_WIDTH_IN, 2.1 * len(shown) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(shown), 2, squeeze=False, sharex=True)
    for (left, right), (environment, behaviour) in zip(grid, shown, strict=True):
        rows = select(mine, environment=environment, behaviour=behaviour)
        fine = healthy(rows)
        for panel, column in ((left, "sparsity"), (right, "precision")):
            for loss in losses(fine):
                thresholds, values = by_seed(select(fine, loss=loss), "threshold", column)
                if column == "precision":
                    values = np.where(_shares(fine, loss) >= FEWEST, values, np.nan)
                line_with_band(panel, thresholds, values, loss, LABELS[loss])
            truth = float(np.nanmean(series(rows, "true_sparsity")))
            panel.axhline(truth, color="black", linestyle="--", linewidth=1)
            panel.set_xscale("log")
            panel.set_title(f"{environment} ({behaviour})")
            panel.set_ylim(-0.03, 1.03)
        left.set_ylabel("share of elements below it")
        right.set_ylabel("share of these truly zero")
    for panel in grid[-1]:
        panel.set_xlabel("threshold of |J| [normalised]")
    legend_below(figure)
    return figure


def _shares(rows: pa.Table, loss: str) -> np.ndarray:
    """How many elements are below each threshold, by seed."""
    return by_seed(select(rows, loss=loss), "threshold", "sparsity")[1]
