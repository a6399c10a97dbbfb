"""Figure 7: how long elements stay zero and nonzero (section 5.3)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.style import (
    NONZERO,
    ZERO,
    heading,
    logarithmic,
    panels,
    power_of_ten,
    styled,
)
from dynsparse.storage.tables import metadata_of

BINS_PER_DECADE = 10
LEGEND_PT = 28  # the height of the legend, which stands between a panel and its title


@styled()
def figure_7(durations: Sequence[pa.Table]) -> Figure:
    """Distribution of durations on double logarithmic axes, with means.

    Args:
        durations: tables of kind ``durations``, merged over seeds, one per environment and
            behaviour.

    Returns:
        One panel per table. As in the published figure, elements that stay zero or nonzero for a
        whole episode are left out of it, and runs cut by its start or end count as if whole.
    """
    figure, axes = panels(len(durations), height_in=2.3)
    for panel, table in zip(axes, durations, strict=True):
        duration_distribution(panel, table)
    drawn = [panel for panel in axes if panel.lines]
    for panel in drawn[1:]:
        panel.sharex(drawn[0])
        panel.sharey(drawn[0])
    if drawn:
        drawn[0].autoscale()
    figure.supylabel("probability of a duration", fontsize=8)
    threshold = metadata_of(durations[0])["threshold"]
    figure.suptitle(
        "Durations for which Jacobian elements stay zero and nonzero\n"
        f"zero is |x| < {power_of_ten(threshold)}, dashed: mean",
        fontsize=9,
    )
    return figure


def length_counts(
    table: pa.Table, zero: bool
) -> tuple[Int[np.ndarray, " lengths"], Int[np.ndarray, " lengths"]]:
    """Distinct lengths in control steps, and how many runs have each; whole episodes left out."""
    whole = pc.and_(table["cut_start"], table["cut_end"])
    kept = table.filter(pc.and_(pc.equal(table["zero"], zero), pc.invert(whole)))
    lengths = kept["length"].to_numpy()
    distinct, position = np.unique(lengths, return_inverse=True)
    counts = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(counts, position, kept["count"].to_numpy())
    return distinct, counts


def log_edges(longest: int) -> Float[np.ndarray, " edges"]:
    """Bin edges half-way between whole lengths, wider and wider, from 1 to past ``longest``."""
    decades = np.log10(longest + 1)
    marks = np.logspace(0, decades, int(np.ceil(decades * BINS_PER_DECADE)) + 1)
    return np.unique(np.round(marks)) - 0.5


def duration_distribution(axes: Axes, table: pa.Table) -> None:
    """One panel: the durations of one table of kind ``durations``."""
    dt_ms = 1000 * metadata_of(table)["control_dt_s"]
    axes.set_title(heading(table))
    axes.set_xlabel(f"duration [control steps of {dt_ms:g} ms]")
    series = {name: length_counts(table, name == "zero") for name in ("zero", "nonzero")}
    if not any(len(lengths) for lengths, _ in series.values()):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, _nothing(table), ha="center", va="center", transform=axes.transAxes)
        return
    logarithmic(axes, "x", "y")
    for (name, (lengths, counts)), colour in zip(series.items(), (ZERO, NONZERO), strict=True):
        if len(lengths):
            _distribution(axes, lengths, counts, name, colour)
    axes.set_title(heading(table), pad=LEGEND_PT)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 0.98), borderaxespad=0)


def _distribution(
    axes: Axes,
    lengths: Int[np.ndarray, " lengths"],
    counts: Int[np.ndarray, " lengths"],
    name: str,
    colour: str,
) -> None:
    mean = float(np.average(lengths, weights=counts))
    edges = log_edges(int(lengths.max()))
    runs, _ = np.histogram(lengths, edges, weights=counts)
    density = runs / counts.sum() / np.diff(edges)
    centres = np.sqrt((edges[:-1] + 0.5) * (edges[1:] - 0.5))
    label = f"{name}: mean {mean:.1f}, {counts.sum():,} runs"
    marker = "o" if name == "zero" else "s"
    axes.plot(
        centres,
        np.where(runs > 0, density, np.nan),
        color=colour,
        marker=marker,
        markersize=3,
        linewidth=1,
        label=label,
        markerfacecolor=colour if name == "zero" else "white",
    )
    axes.axvline(mean, color=colour, linestyle="--", linewidth=1)


def _nothing(table: pa.Table) -> str:
    if not table.num_rows:
        return "no samples"
    return "no element switches\nwithin any episode"
