"""What a given graph is worth in samples: errors over their number, a line for each mask."""

from collections.abc import Mapping
from typing import Literal

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.learned import (
    Look,
    by_network,
    legend_below,
    line_with_band,
    log_scale,
)
from dynsparse.figures.style import SERIES, panels, styled
from dynsparse.learning.learners import Section, Series, series_of
from dynsparse.tables.learned import cases, healthy, networks, of_case, select, trained

# A mask that opens all has the line of no mask: through dashes both are seen.
STROKES: tuple[Literal["-", "--", "-.", ":"], ...] = ("-", "--", "-.", ":")


@styled()
def figure_value(curves: pa.Table, split: str, section: Section) -> Figure:
    """Error of the next state over the number of training samples, one panel per environment.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        split: which kind of split is shown.
        section: the configuration's ``learning``. Learners that are alike but for their samples
            make a line.

    Returns:
        Lines are means over networks, bands reach from the best to the worst. Learners that train
        on all samples, or of which there is one number of samples alone, are not shown.
    """
    ends = select(trained(healthy(curves)), split=split)
    lines = _lines(networks(curves), series_of(section))
    shown = cases(ends)
    figure, axes = panels(max(len(shown), 1), height_in=2.2)
    for panel, case in zip(axes, shown, strict=False):
        for number, (label, names) in enumerate(lines.items()):
            mine = pa.concat_tables(
                _with_samples(select(of_case(ends, case), learner=name), count)
                for name, count in names.items()
            )
            look = Look(label, SERIES[number % len(SERIES)], "-")
            line_with_band(panel, *by_network(mine, "samples", "test_state_mse"), look)
            panel.lines[-1].set_linestyle(STROKES[number % len(STROKES)])
        _axis(panel, sorted({count for names in lines.values() for count in names.values()}))
        panel.set_title("{} ({})".format(*case))
        panel.set_xlabel("training samples")
    if not lines:
        axes[0].text(0.5, 0.5, "no learners that differ in samples", ha="center", va="center")
    figure.supylabel("mean squared error\n[variances]", fontsize=8)
    legend_below(figure)
    return figure


def _lines(listed: list[str], compared: Mapping[str, Series]) -> dict[str, dict[str, int]]:
    """By label, learners and their numbers of samples, where these are several."""
    found: dict[str, dict[str, int]] = {}
    for name in listed:
        count = compared[name].samples
        if count is not None:
            found.setdefault(compared[name].label, {})[name] = count
    return {label: names for label, names in found.items() if len(names) > 1}


def _with_samples(table: pa.Table, count: int) -> pa.Table:
    return table.append_column("samples", pa.array([count] * table.num_rows, pa.int64()))


def _axis(axes: Axes, counts: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    log_scale(axes)
