"""Figure 5: how sparse the Jacobians are over all samples (section 5.2)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from dynsparse.figures.style import ACTION, STATE, counted, heading, panels, power_of_ten, styled
from dynsparse.storage.tables import metadata_of

# The published bins are 0.1 wide; the fine ones show that few values occur at all.
PUBLISHED_BINS = 10
FINE_BINS = 100


@styled()
def figure_5(steps: Sequence[pa.Table]) -> Figure:
    """Histograms of sparsity per sample, state Jacobian upwards, action Jacobian downwards.

    Args:
        steps: tables of kind ``steps``, merged over seeds, one per environment and behaviour.

    Returns:
        One panel per table: pale bars are the published bins of 0.1, dark bars bins of 0.01
        (each fine bar is part of a pale one), dashed lines the means.
    """
    figure, axes = panels(len(steps), height_in=2.0)
    for panel, table in zip(axes, steps, strict=True):
        sparsity_histogram(panel, table)
    figure.supxlabel("sparsity (share of elements that are zero)", fontsize=8)
    figure.supylabel("share of samples [%]", fontsize=8)
    threshold = metadata_of(steps[0])["threshold"]
    figure.suptitle(
        f"Sparsity per sample (zero is |x| < {power_of_ten(threshold)}), state up, action down\n"
        "pale bars: bins of 0.1, dark bars: bins of 0.01, dashed: mean",
        fontsize=9,
    )
    return figure


def histogram(
    zeros: Int[np.ndarray, " samples"], elements: int, bins: int
) -> Float[np.ndarray, " bins"]:
    """Percentage of samples whose ``zeros / elements`` falls in each of ``bins`` equal bins.

    Integer arithmetic, so that 3 of 10 never falls into the bin below 0.3; the last bin holds 1.
    """
    number = np.minimum(zeros.astype(np.int64) * bins // elements, bins - 1)
    return 100 * np.bincount(number, minlength=bins) / max(len(zeros), 1)


def sparsity_histogram(axes: Axes, table: pa.Table) -> None:
    """One panel: the histogram of one table of kind ``steps``."""
    ok = table.filter(table["jacobian_ok"])
    axes.set_title(f"{heading(table)}, {counted(ok.num_rows, 'sample')}")
    for jacobian, colour, sign in (("state", STATE, 1), ("action", ACTION, -1)):
        zeros = ok[f"{jacobian}_zeros"].to_numpy()
        elements = table[f"{jacobian}_elements"][0].as_py()
        for bins, alpha in ((PUBLISHED_BINS, 0.3), (FINE_BINS, 1.0)):
            heights = sign * histogram(zeros, elements, bins)
            left = np.arange(bins) / bins
            axes.bar(left, heights, 1 / bins, align="edge", color=colour, alpha=alpha, linewidth=0)
        if len(zeros):
            _mean_line(axes, float(zeros.mean() / elements), jacobian, sign)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xlim(0, 1)
    axes.set_ylim(-109, 109)
    axes.set_xticks(np.arange(11) / 10)
    axes.set_yticks([-100, -50, 0, 50, 100])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):.0f}"))


def _mean_line(axes: Axes, mean: float, jacobian: str, sign: int) -> None:
    axes.plot([mean, mean], [0, 100 * sign], color="black", linestyle="--", linewidth=1)
    axes.annotate(
        f"{jacobian}: mean {mean:.2f}",
        (mean, 96 * sign),
        xytext=(4 if mean < 0.55 else -4, 0),
        textcoords="offset points",
        ha="left" if mean < 0.55 else "right",
        va="center",
        fontsize=7.5,
    )
