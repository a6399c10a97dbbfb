"""How far Jacobians are from finite differences of the same step."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.style import SERIES, counted, heading, logarithmic, panels, styled

# As in the verification table: an error below this counts as right.
RIGHT = 1e-4
# What finite differences cannot tell from zero, and more than any error that was seen.
SMALLEST, LARGEST = 1e-13, 1e4
# A method looks the same in every panel and every study; drawn in this order, thick below thin,
# and after them in grey those that have no look of their own.
LOOKS: dict[str, dict[str, Any]] = {
    "hybrid": {"color": SERIES[0], "linewidth": 2.4, "alpha": 0.6},
    "unrolled": {"color": SERIES[1], "linestyle": "--"},
    "implicit": {"color": SERIES[2], "linestyle": ":", "linewidth": 1.6},
    "mujoco_c": {"color": SERIES[3], "linestyle": "-."},
}


OTHER_LOOK: dict[str, Any] = {"color": "0.4", "linestyle": (0, (1, 3))}


@styled()
def figure_verification(samples: Sequence[pa.Table]) -> Figure:
    """Share of samples whose error exceeds a value, per method, on logarithmic axes.

    Args:
        samples: tables of kind ``verification``, merged over seeds, one per environment and
            behaviour.

    Returns:
        One panel per table; samples at kinks and jumps, which have no derivative, are left out
        and counted in the panel's title.
    """
    figure, axes = panels(len(samples), height_in=1.8, columns=3, width_in=2.6)
    for panel, table in zip(axes, samples, strict=True):
        _exceedance(panel, table)
    figure.supxlabel("error of a sample: largest |Jacobian - difference|, relative", fontsize=8)
    figure.supylabel("share of samples with a larger error", fontsize=8)
    figure.suptitle(
        "Jacobians against central differences of the same step\n"
        "grey: errors that count as wrong; a curve ends at the largest error",
        fontsize=9,
    )
    return figure


def drawn(methods: Iterable[str]) -> list[str]:
    """Every method, those with a look of their own first and in its order."""
    found = set(methods)
    return [name for name in LOOKS if name in found] + sorted(found - LOOKS.keys())


def _exceedance(axes: Axes, table: pa.Table) -> None:
    smooth = pc.invert(pc.or_(table["kink"], table["jump"]))
    axes.axvspan(RIGHT, LARGEST, color="#E8E8E8", linewidth=0)
    for method in drawn(table["method"].unique().to_pylist()):
        chosen = pc.and_(smooth, pc.equal(table["method"], method))
        error = np.sort(table["error"].to_numpy()[chosen.to_numpy(zero_copy_only=False)])
        if not len(error):
            continue
        label = f"{method}: {(error < RIGHT).mean():.1%} right"
        share = 1 - np.arange(len(error)) / len(error)
        axes.step(
            np.maximum(error, SMALLEST),
            share,
            where="pre",
            label=label,
            **LOOKS.get(method, OTHER_LOOK),
        )
    logarithmic(axes, "x", "y")
    axes.set_xlim(SMALLEST, LARGEST)
    left_out = int(pc.sum(pc.invert(smooth.filter(table["stored"]))).as_py() or 0)
    kept = pc.sum(table["stored"]).as_py() - left_out
    # Room for the legend above the curves, none of which exceeds one.
    axes.set_ylim(top=80)
    axes.set_yticks([1, 1e-1, 1e-2])
    axes.minorticks_off()
    axes.legend(loc="upper right", fontsize=6.5, borderaxespad=0)
    axes.set_title(
        f"{heading(table)}\n{counted(kept, 'sample')}, {left_out} left out", fontsize=7.5
    )
