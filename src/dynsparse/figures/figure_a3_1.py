"""Figure A3.1: cumulative sparsity of every environment, as heatmaps (appendix A3.1)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from dynsparse.figures.style import heading, panels, power_of_ten, styled
from dynsparse.sparsity.merging import at_threshold, total_over_seeds


@styled()
def figure_a3_1(elements: Sequence[pa.Table], threshold: float) -> Figure:
    """In what share of the samples each element is zero, one panel per environment.

    Args:
        elements: tables of kind ``elements``, merged over seeds, one per environment and behaviour.
        threshold: zero means ``|x| < threshold``.

    Returns:
        The state Jacobian, and to its right, behind a gap, the action Jacobian; rows are
        next-state variables, positions above velocities.

    Raises:
        DynsparseError: the threshold was not counted.
    """
    figure, axes = panels(len(elements), height_in=2.3)
    for panel, table in zip(axes, elements, strict=True):
        image = _panel(panel, table, threshold)
    bar = figure.colorbar(image, ax=axes, label="samples in which the element is zero [%]")
    bar.outline.set_visible(False)
    figure.suptitle(
        f"How often each Jacobian element is zero (|x| < {power_of_ten(threshold)})\n"
        "state Jacobian left, action Jacobian right; rows: next state",
        fontsize=9,
    )
    return figure


def percentages(
    elements: pa.Table, jacobian: str, threshold: float
) -> Float[np.ndarray, "rows columns"]:
    """Percentage of samples in which each element of a Jacobian is zero; NaN without samples."""
    rows = total_over_seeds(at_threshold(elements, threshold))
    rows = rows.filter(pc.equal(rows["jacobian"], jacobian))
    row, column = rows["row"].to_numpy(), rows["column"].to_numpy()
    percent = np.full((row.max() + 1, column.max() + 1), np.nan)
    samples = rows["samples"].to_numpy()
    known = samples > 0
    percent[row[known], column[known]] = 100 * rows["zeros"].to_numpy()[known] / samples[known]
    return percent


def _panel(axes: Axes, table: pa.Table, threshold: float) -> AxesImage:
    state, action = (percentages(table, name, threshold) for name in ("state", "action"))
    dimension = len(state)
    gap = np.full((dimension, max(1, dimension // 12)), np.nan)
    image = axes.imshow(np.hstack([state, gap, action]), cmap="Blues", vmin=0, vmax=100)
    names = sorted(set(zip(table["row"].to_pylist(), table["row_name"].to_pylist(), strict=True)))
    positions = sum(name.startswith("qpos:") for _, name in names)
    axes.axhline(positions - 0.5, color="0.4", linewidth=0.6)
    axes.plot([positions - 0.5] * 2, [-0.5, dimension - 0.5], color="0.4", linewidth=0.6)
    left, width = dimension + gap.shape[1], action.shape[1]
    ticks = [(positions - 1) / 2, (positions + dimension - 1) / 2, left + (width - 1) / 2]
    axes.set_xticks(ticks, ["position", "velocity", "action"])
    axes.set_yticks(ticks[:2], ["position", "velocity"], rotation=90, va="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_facecolor("0.85")  # behind what holds no number
    axes.set_title(f"{heading(table)}, {dimension} x ({dimension} + {width})")
    return image
