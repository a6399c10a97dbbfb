"""Figure 3: how often each Jacobian element is zero (section 5.1)."""

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from dynsparse.errors import DynsparseError
from dynsparse.figures.style import counted, heading, power_of_ten, styled
from dynsparse.sparsity.merging import total_over_seeds
from dynsparse.storage.tables import metadata_of

# Cells as small as this still hold a number of three digits; beyond, colour alone tells.
MOST_NUMBERED = 20
CELL_IN = 0.32
SMALLEST_MATRIX_IN = 1.9
LABELS_IN = 1.5


@styled()
def figure_3(elements: pa.Table, threshold: float) -> Figure:
    """Heatmaps of the percentage of samples in which each element is zero.

    Args:
        elements: table of kind ``elements`` of one environment and behaviour, merged over seeds.
        threshold: which of the counted thresholds to show.

    Returns:
        The state Jacobian beside the action Jacobian: rows are next-state variables, columns
        current ones. ``100`` and ``0`` mean always and never; what only rounds to them is
        written ``>99`` and ``<1``; always is bold.

    Raises:
        DynsparseError: the threshold was not counted.
    """
    facts = metadata_of(elements)
    if threshold not in facts["threshold"]:
        raise DynsparseError(f"threshold {threshold:g} was not counted for {heading(elements)}")
    totals = total_over_seeds(elements).to_pylist()
    shown = [row for row in totals if row["threshold"] == threshold]
    state, action = (
        [row for row in shown if row["jacobian"] == jacobian] for jacobian in ("state", "action")
    )
    figure, axes = _layout(_names(state, "row"), _names(action, "column"))
    image = heatmap(axes[0], state, "state Jacobian", "current state")
    heatmap(axes[1], action, "action Jacobian", "action")
    axes[0].set_ylabel("next state")
    axes[1].tick_params(labelleft=False)
    bar = figure.colorbar(image, ax=axes, label="samples in which the element is zero [%]")
    bar.outline.set_visible(False)
    figure.suptitle(
        f"{heading(elements)}: {counted(state[0]['samples'], 'sample')}, "
        f"{counted(len(facts['sources']), 'seed')}, zero is |x| < {power_of_ten(threshold)}",
        fontsize=9,
    )
    return figure


def _layout(state_names: list[str], action_names: list[str]) -> tuple[Figure, list[Axes]]:
    """Two axes with square cells of one size."""
    rows, columns = len(state_names), len(action_names)
    cell = max(CELL_IN, SMALLEST_MATRIX_IN / rows)
    width = cell * (rows + columns) + LABELS_IN + 1.3
    figure = Figure(figsize=(width, cell * rows + LABELS_IN + 0.5), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=[rows, columns])
    return figure, [figure.add_subplot(grid[0, side]) for side in (0, 1)]


def _names(rows: list[dict], axis: str) -> list[str]:
    return [name for _, name in sorted({(row[axis], row[f"{axis}_name"]) for row in rows})]


def heatmap(axes: Axes, rows: list[dict], title: str, label: str) -> AxesImage:
    """One panel: the rows of one Jacobian and threshold of a table of kind ``elements``."""
    outputs, inputs = _names(rows, "row"), _names(rows, "column")
    percent = np.full((len(outputs), len(inputs)), np.nan)
    for row in rows:
        if row["samples"]:
            percent[row["row"], row["column"]] = 100 * row["zeros"] / row["samples"]
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="equal")
    axes.set_xticks(range(len(inputs)), inputs, rotation=90)
    axes.set_yticks(range(len(outputs)), outputs)
    axes.tick_params(length=0)
    axes.set_title(title)
    axes.set_xlabel(label)
    axes.spines[:].set_color("0.6")
    axes.set_xticks(np.arange(1, len(inputs)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(outputs)) - 0.5, minor=True)
    axes.grid(which="minor", color="0.85", linewidth=0.4)
    axes.tick_params(which="minor", length=0)
    _part_positions_and_velocities(axes, outputs, inputs)
    if max(percent.shape) <= MOST_NUMBERED:
        _write_numbers(axes, percent)
    return image


def _part_positions_and_velocities(axes: Axes, outputs: list[str], inputs: list[str]) -> None:
    """A dark line where positions end and velocities begin."""
    for names, line in ((outputs, axes.axhline), (inputs, axes.axvline)):
        positions = sum(name.startswith("qpos:") for name in names)
        if 0 < positions < len(names):
            line(positions - 0.5, color="0.3", linewidth=0.9)


def _write_numbers(axes: Axes, percent: Float[np.ndarray, "outputs inputs"]) -> None:
    for (row, column), value in np.ndenumerate(percent):
        axes.text(
            column,
            row,
            _number(float(value)),
            ha="center",
            va="center",
            fontsize=8 if max(percent.shape) <= 8 else 6,
            fontweight="bold" if value == 100 else "normal",
            color="white" if value > 55 else "black",
        )


def _number(percent: float) -> str:
    if np.isnan(percent):
        return "-"
    if 99.5 <= percent < 100:
        return ">99"
    if 0 < percent < 0.5:
        return "<1"
    return f"{percent:.0f}"
