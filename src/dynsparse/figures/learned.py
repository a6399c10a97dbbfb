"""What the figures of the learning experiments share: names and colours of losses, and axes."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from dynsparse.figures.style import SERIES
from dynsparse.learning.selection import LOSSES

# The labels of the paper's Figure 8, and one colour each.
LABELS = dict(zip(LOSSES, ("MSE(s)", "+ MSE(J)", "+ MAE(J)", "+ L1(J)", "+ SAE(J)"), strict=True))
COLOURS = dict(zip(LOSSES, SERIES, strict=False))
CONTROL = "#7F7F7F"
LEGEND_ENTRY_IN = 1.1


def by_seed(table: pa.Table, x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of ``x``, sorted, and of ``y`` as (seeds, x); not a number where one is missing."""
    positions = sorted(pc.unique(table[x]).to_pylist())
    seeds = sorted(pc.unique(table["seed"]).to_pylist())
    grid = np.full((len(seeds), len(positions)), np.nan)
    for row in table.select([x, "seed", y]).to_pylist():
        if row[y] is not None:
            grid[seeds.index(row["seed"]), positions.index(row[x])] = row[y]
    return np.asarray(positions), grid


def line_with_band(
    axes: Axes, x: np.ndarray, grid: Float[np.ndarray, "seeds x"], loss: str, label: str
) -> None:
    """The mean over seeds, and a band from the lowest to the highest seed."""
    some = np.isfinite(grid).any(axis=0)
    x, grid = x[some], grid[:, some]
    axes.fill_between(
        x, np.nanmin(grid, axis=0), np.nanmax(grid, axis=0), color=COLOURS[loss], alpha=0.2, lw=0
    )
    axes.plot(x, np.nanmean(grid, axis=0), color=COLOURS[loss], label=label)


def log_scale(axes: Axes) -> None:
    """A logarithmic vertical axis that is labelled at 1, 2 and 5 in every decade."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def legend_below(figure: Figure) -> None:
    """One legend for all panels, beneath them."""
    found = {
        text: handle
        for panel in figure.axes
        for handle, text in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    if found:
        columns = max(1, min(len(found), int(figure.get_figwidth() / LEGEND_ENTRY_IN)))
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns)
