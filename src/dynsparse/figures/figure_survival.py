"""How long elements stay zero and nonzero, with cut runs treated as such (section 5.3)."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from dynsparse.figures.style import (
    NONZERO,
    ZERO,
    heading,
    logarithmic,
    panels,
    power_of_ten,
    styled,
)
from dynsparse.sparsity.survival import Survival, survival
from dynsparse.storage.tables import metadata_of


@styled()
def figure_survival(durations: Sequence[pa.Table]) -> Figure:
    """Kaplan and Meier's curves of durations, all elements of both Jacobians together.

    Args:
        durations: tables of kind ``durations``, merged over seeds, one per environment and
            behaviour.

    Returns:
        One panel per table: the share of runs of zeros and of nonzeros that last longer than
        a time. Thick lines are all seeds together, thin ones single seeds.
    """
    figure, axes = panels(len(durations), height_in=2.1)
    for panel, table in zip(axes, durations, strict=True):
        _panel(panel, table)
    figure.supxlabel("duration [s]", fontsize=8)
    figure.supylabel("share of runs that last longer [%]", fontsize=8)
    threshold = metadata_of(durations[0])["threshold"]
    figure.suptitle(
        "How long Jacobian elements stay zero and nonzero, cut runs treated as censored\n"
        f"zero is |x| < {power_of_ten(threshold)}; thick: all seeds, thin: single seeds",
        fontsize=9,
    )
    return figure


def _panel(axes: Axes, table: pa.Table) -> None:
    axes.set_title(heading(table))
    dt = metadata_of(table)["control_dt_s"]
    together = {zero: survival(table, zero) for zero in (True, False)}
    if not any(found.runs for found in together.values()):
        axes.set_xticks([])
        axes.set_yticks([])
        text = "no element switches\nwithin any episode"
        axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
        return
    seeds = sorted(pc.unique(table["seed"]).to_pylist())
    for zero, colour in ((True, ZERO), (False, NONZERO)):
        for seed in seeds if len(seeds) > 1 else []:
            of_seed = survival(table.filter(pc.equal(table["seed"], seed)), zero)
            _curve(axes, of_seed, dt, color=colour, linewidth=0.6, alpha=0.6)
        name = "zero" if zero else "nonzero"
        label = f"{name}: {together[zero].runs:,} runs"
        style = "-" if zero else "--"
        _curve(axes, together[zero], dt, color=colour, linewidth=1.8, linestyle=style, label=label)
    logarithmic(axes, "x")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(left=0.7 * dt)
    axes.set_ylim(-3, 103)
    axes.legend(loc="upper right")


def _curve(axes: Axes, found: Survival, dt: float, **style: Any) -> None:
    if found.runs:
        # From the first control step on: a logarithmic axis has no zero.
        axes.step(found.length * dt, 100 * found.share, where="post", **style)
