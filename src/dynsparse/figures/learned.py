"""What the figures of the learning experiments share: names and looks of learners, and axes."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from dynsparse.figures.style import SERIES
from dynsparse.tables.learned import CONTROLS, learners, networks

# As Matplotlib has it: a name, or an offset and the lengths of dashes and gaps.
Line = str | tuple[int, tuple[int, ...]]
# The labels of the paper's Figure 8, for its network, and one of the same kind; other learners go
# by their own names.
LABELS = {
    "state": "MSE(s)",
    "state-jacobian": "+ MSE(J)",
    "state-jacobian-l1": "+ MAE(J)",
    "state-jacobian-l1-regularizer": "+ L1(J)",
    "state-jacobian-l1-sparse-only": "+ SAE(J)",
    "state-jacobian-l2-regularizer": "+ L2(J)",
}
NO_CHANGE = {"persistence": "no change"}
GREY = "#6F6F6F"
CONTROL_LINES = ("--", ":", "-.")
# Where there are more networks than colours, the next ones are broken.
NETWORK_LINES: tuple[Line, ...] = ("-", (0, (4, 1)), (0, (1, 1)), (0, (8, 1, 1, 1)))
LEGEND_ENTRY_IN = 1.1
# Over more than this range, only powers of ten are labelled.
CROWDED, MOST_TICKS = 1e4, 100


class Look(NamedTuple):
    """How a learner is shown."""

    label: str
    colour: str
    line: Line


def label(name: str, plain: Sequence[str]) -> str:
    """What a learner is called in figures.

    Args:
        name: of the learner.
        plain: the learners that are the paper's network under the loss whose name they have.
    """
    return (LABELS if name in plain else NO_CHANGE).get(name, name)


def looks(table: pa.Table, plain: Sequence[str]) -> dict[str, Look]:
    """How each learner of a table is shown: networks in colours, controls in broken grey lines.

    Args:
        table: with a column ``learner``; all rows of a figure, so that its panels agree.
        plain: as ``label``.
    """
    drawn = itertools.product(NETWORK_LINES, SERIES)
    found = {
        name: Look(label(name, plain), colour, line)
        for name, (line, colour) in zip(networks(table), itertools.cycle(drawn), strict=False)
    }
    for name, line in zip(CONTROLS, CONTROL_LINES, strict=True):
        found[name] = Look(label(name, plain), GREY, line)
    return {name: found[name] for name in learners(table)}


def by_network(table: pa.Table, x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of ``x``, sorted, and of ``y`` as (networks, x); not a number where one is missing.

    A network is a seed of a split, if the table has splits.
    """
    keys = [name for name in ("number", "seed") if name in table.column_names]
    rows = table.select([x, y, *keys]).to_pylist()
    positions = sorted({row[x] for row in rows})
    members = sorted({tuple(row[key] for key in keys) for row in rows}, key=str)
    grid = np.full((len(members), len(positions)), np.nan)
    for row in rows:
        if row[y] is not None:
            member = members.index(tuple(row[key] for key in keys))
            grid[member, positions.index(row[x])] = row[y]
    return np.asarray(positions), grid


def line_with_band(
    axes: Axes, x: np.ndarray, grid: Float[np.ndarray, "networks x"], look: Look
) -> None:
    """The mean over networks, and a band from the lowest to the highest."""
    some = np.isfinite(grid).any(axis=0)
    x, grid = x[some], grid[:, some]
    low, high = np.nanmin(grid, axis=0), np.nanmax(grid, axis=0)
    if look.colour != GREY:
        axes.fill_between(x, low, high, color=look.colour, alpha=0.2, lw=0)
    mean = np.nanmean(grid, axis=0)
    axes.plot(x, mean, color=look.colour, linestyle=look.line, label=look.label)


def name_below(axes: Axes, shown: Sequence[Look]) -> None:
    """The name of each learner under its place on the horizontal axis."""
    names = [look.label for look in shown]
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")


def log_scale(axes: Axes) -> None:
    """A logarithmic vertical axis with ticks at 1, 2 and 5, labelled as far as there is room."""

    def text(value: float, _: int | None) -> str:
        low, high = axes.get_ylim()
        decade = math.log10(value)
        power_of_ten = math.isclose(decade, round(decade), abs_tol=1e-9)
        return f"{value:g}" if power_of_ten or high / low < CROWDED else ""

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=MOST_TICKS))
    axes.yaxis.set_major_formatter(FuncFormatter(text))
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
