"""Figure A3.2: the distribution of sparsity over samples, cumulated, seed by seed (appendix A3)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.style import ACTION, STATE, heading, panels, power_of_ten, styled
from dynsparse.sparsity.merging import at_threshold


@styled()
def figure_a3_2(sparsities: Sequence[pa.Table], threshold: float) -> Figure:
    """Share of samples that are at most so sparse, one panel per environment.

    Args:
        sparsities: tables of kind ``sparsities``, merged over seeds, one per environment and
            behaviour.
        threshold: zero means ``|x| < threshold``.

    Returns:
        Thick steps are all seeds together, thin ones single seeds; each jump is a value of
        sparsity that occurs.

    Raises:
        DynsparseError: the threshold was not counted.
    """
    figure, axes = panels(len(sparsities), height_in=1.9)
    for panel, table in zip(axes, sparsities, strict=True):
        _panel(panel, at_threshold(table, threshold))
    axes[0].legend(loc="center right")
    figure.supxlabel("sparsity (share of elements that are zero)", fontsize=8)
    figure.supylabel("share of samples at most so sparse [%]", fontsize=8)
    figure.suptitle(
        "Distribution of sparsity over samples, cumulated\n"
        f"zero is |x| < {power_of_ten(threshold)}; thick: all seeds, thin: single seeds",
        fontsize=9,
    )
    return figure


def cumulated(
    sparsities: pa.Table,
) -> tuple[Float[np.ndarray, " values"], Float[np.ndarray, " values"]]:
    """The values of sparsity that occur, and the percentage of samples at most so sparse."""
    sums = sparsities.group_by(["zeros", "elements"]).aggregate([("samples", "sum")])
    sums = sums.sort_by("zeros")
    count = np.cumsum(sums["samples_sum"].to_numpy())
    return sums["zeros"].to_numpy() / sums["elements"].to_numpy(), 100 * count / count[-1:]


def _panel(axes: Axes, table: pa.Table) -> None:
    axes.set_title(heading(table))
    for jacobian, colour in (("state", STATE), ("action", ACTION)):
        rows = table.filter(pc.equal(table["jacobian"], jacobian))
        for seed in sorted(pc.unique(rows["seed"]).to_pylist()):
            _steps(axes, rows.filter(pc.equal(rows["seed"], seed)), color=colour, linewidth=0.6)
        _steps(axes, rows, color=colour, linewidth=1.8, label=f"{jacobian} Jacobian")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-3, 103)


def _steps(axes: Axes, rows: pa.Table, **style: Any) -> None:
    values, percent = cumulated(rows)
    axes.step([-1, *values, 2], [0, *percent, 100], where="post", **style)
