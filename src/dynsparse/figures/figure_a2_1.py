"""Figure A2.1: next-state error on test data while training (A2.3)."""

from collections.abc import Sequence

import pyarrow as pa
from matplotlib.figure import Figure

from dynsparse.figures.learned import by_network, legend_below, line_with_band, log_scale, looks
from dynsparse.figures.style import panels, styled
from dynsparse.tables.learned import CONTROLS, cases, healthy, learners, of_case, ordered, select


@styled()
def figure_a2_1(curves: pa.Table, split: str, plain: Sequence[str]) -> Figure:
    """Mean squared error of the next state over epochs, one panel per environment.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        split: which kind of split is shown.
        plain: the learners that go by the paper's labels.

    Returns:
        Lines are means over splits and seeds, bands reach from the best to the worst network.
        Controls, which have no epochs, are level lines. Seeds that failed are left out.
    """
    mine = select(curves, split=split)
    shown, styles = cases(mine), looks(mine, plain)
    figure, axes = panels(len(shown), height_in=2.2)
    for panel, case in zip(axes, shown, strict=True):
        rows = ordered(healthy(of_case(mine, case)))
        for name in learners(rows):
            look = styles[name]
            epochs, grid = by_network(select(rows, learner=name), "epoch", "test_state_mse")
            if name in CONTROLS:
                panel.axhline(grid.mean(), color=look.colour, linestyle=look.line, label=look.label)
            else:
                line_with_band(panel, epochs, grid, look)
        log_scale(panel)
        panel.set_title("{} ({})".format(*case))
        panel.set_xlabel("epoch")
    figure.supylabel("next-state MSE on test data [variances]", fontsize=8)
    legend_below(figure)
    return figure
