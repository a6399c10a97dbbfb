"""Figure A2.2: sparsity before and after training, by environment (A2.4)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.figure_8 import FLOOR
from dynsparse.figures.learned import looks, name_below
from dynsparse.figures.style import panels, power_of_ten, styled
from dynsparse.tables.learned import (
    CONTROLS,
    cases,
    healthy,
    of_case,
    ordered,
    select,
    series,
    trained,
)


@styled()
def figure_a2_2(sparsity: pa.Table, split: str, threshold: float, plain: Sequence[str]) -> Figure:
    """Sparsity of the models' Jacobians relative to the truth, untrained and trained.

    Args:
        sparsity: tables of kind ``learning_sparsity`` of all environments and learners.
        split: which kind of split is shown.
        threshold: below which an element is zero.
        plain: the learners that go by the paper's labels.

    Returns:
        One panel per environment; a point is a model, hollow before and filled after training.
        Seeds that failed are left out.
    """
    mine = select(sparsity, split=split, threshold=threshold)
    shown = cases(mine)
    figure, axes = panels(len(shown), height_in=2.3)
    for panel, case in zip(axes, shown, strict=True):
        _panel(panel, ordered(of_case(mine, case)), plain)
        panel.set_title("{} ({})".format(*case))
    figure.supylabel("sparsity, relative to the truth", fontsize=8)
    figure.suptitle(
        f"Zeros of the models' Jacobians, |x| < {power_of_ten(threshold)}: "
        "hollow untrained, filled trained, dashed the truth",
        fontsize=9,
    )
    return figure


def _panel(axes: Axes, rows: pa.Table, plain: Sequence[str]) -> None:
    fine, shown = healthy(rows), looks(rows, plain)
    end = trained(fine)
    for position, (name, look) in enumerate(shown.items()):
        for table, filled in ((select(fine, epoch=0), False), (end, True)):
            if name in CONTROLS and not filled:
                continue
            values = series(select(table, learner=name), "relative_sparsity")
            values = np.maximum(values[np.isfinite(values)], FLOOR)
            x = position + (0.15 if filled else -0.15)
            axes.plot(
                np.full(len(values), x),
                values,
                "o",
                color=look.colour,
                markerfacecolor=look.colour if filled else "white",
                markersize=4,
            )
    axes.axhline(1, color="black", linewidth=1, linestyle="--")
    axes.set_yscale("log")
    axes.set_ylim(FLOOR / 2, 20)
    ticks = 10.0 ** np.arange(-6, 2, 2)
    axes.set_yticks([FLOOR, *ticks], ["none", *(power_of_ten(tick) for tick in ticks)])
    axes.minorticks_off()
    name_below(axes, list(shown.values()))
