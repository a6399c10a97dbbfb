"""Does a deeper network find more of the zeros? (beyond the paper)"""

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dynsparse.figures.learned import by_network, log_scale
from dynsparse.figures.style import SERIES, panels, styled
from dynsparse.tables.learned import cases, select


@styled()
def figure_depth(search: pa.Table) -> Figure:
    """Test error and recovery of the zeros over the number of hidden layers.

    Args:
        search: tables of kind ``learning_search`` of the run ``depth``, of all environments.

    Returns:
        Left the error, right the area under the ROC curve over all elements (0.5 is chance);
        points are seeds, lines their means.
    """
    figure, axes = panels(2, height_in=2.4)
    columns = {
        "test_state_mse": "next-state MSE on test data [variances]",
        "auroc": "AUROC of the zeros, all elements",
    }
    for number, (environment, behaviour) in enumerate(cases(search)):
        rows = select(search, environment=environment, behaviour=behaviour)
        colour = SERIES[number % len(SERIES)]
        for panel, column in zip(axes, columns, strict=True):
            depths, grid = by_network(rows, "depth", column)
            for seed in grid:
                panel.plot(depths, seed, "o", color=colour, markersize=2.5, alpha=0.6)
            some = np.isfinite(grid).any(axis=0)
            mean = np.nanmean(grid[:, some], axis=0)
            panel.plot(depths[some], mean, color=colour, label=f"{environment} ({behaviour})")
    for panel, label in zip(axes, columns.values(), strict=True):
        panel.set_xlabel("hidden layers")
        panel.set_ylabel(label)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    log_scale(axes[0])
    axes[1].axhline(0.5, color="black", linestyle=":", linewidth=0.8)
    axes[0].legend()
    return figure
