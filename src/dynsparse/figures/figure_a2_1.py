"""Figure A2.1: next-state error on test data while training (A2.3)."""

import pyarrow as pa
from matplotlib.figure import Figure

from dynsparse.figures.learned import LABELS, by_seed, legend_below, line_with_band, log_scale
from dynsparse.figures.style import panels, styled
from dynsparse.learning.selection import cases, healthy, losses, select


@styled()
def figure_a2_1(curves: pa.Table, split: str) -> Figure:
    """Mean squared error of the next state over epochs, one panel per environment.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and losses.
        split: which split of the samples is shown.

    Returns:
        Lines are means over seeds, bands reach from the best to the worst seed. Seeds that failed
        are left out.
    """
    mine = select(curves, split=split)
    shown = cases(mine)
    figure, axes = panels(len(shown), height_in=2.2)
    for panel, (environment, behaviour) in zip(axes, shown, strict=True):
        rows = healthy(select(mine, environment=environment, behaviour=behaviour))
        for loss in losses(rows):
            epochs, grid = by_seed(select(rows, loss=loss), "epoch", "test_state_mse")
            line_with_band(panel, epochs, grid, loss, LABELS[loss])
        log_scale(panel)
        panel.set_title(f"{environment} ({behaviour})")
        panel.set_xlabel("epoch")
    figure.supylabel("next-state MSE on test data [variances]", fontsize=8)
    legend_below(figure)
    return figure
