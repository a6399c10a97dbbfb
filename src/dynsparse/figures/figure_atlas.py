"""The atlas as a picture: how sparse each environment is, and how much that varies."""

from collections.abc import Sequence

import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dynsparse.figures.style import QUIET, SERIES, STATE, styled
from dynsparse.tables.table_atlas import table_atlas

ROW_IN = 0.155
WIDTH_IN = 6.8


@styled()
def figure_atlas(
    elements: Sequence[pa.Table],
    steps: Sequence[pa.Table],
    strides: Sequence[pa.Table],
    occurrences: Sequence[pa.Table],
    information: Sequence[pa.Table],
    samples: Sequence[pa.Table],
    replays: Sequence[pa.Table],
    structure: pa.Table,
    threshold: float,
) -> Figure:
    """Sparsity of the state Jacobian, a line per environment, the sparsest on top.

    The arguments are those of ``table_atlas``.

    Returns:
        Bars reach to the share of elements that no sample has nonzero, its darker part to the
        share that the model proves. Dots are means over samples, lines percentiles 5 to 95;
        names have the colour of their suite.
    """
    told = (elements, steps, strides, occurrences, information, samples, replays, structure)
    return picture(table_atlas(*told, threshold))


def picture(table: pa.Table) -> Figure:
    """Rows of ``table_atlas`` as lines, in their order."""
    rows = table.to_pylist()[::-1]
    suites = sorted({row["suite"] for row in rows})
    colours = {name: SERIES[number % len(SERIES)] for number, name in enumerate(suites)}
    figure = Figure(figsize=(WIDTH_IN, 1.1 + ROW_IN * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))
    for column, colour in (("always_zero_percent", QUIET), ("structural_percent", "#9A9A9A")):
        axes.barh(places, [row[column] or 0 for row in rows], height=0.8, color=colour, linewidth=0)
    for place, row in zip(places, rows, strict=True):
        colour = colours[row["suite"]]
        if row["low_percent"] is not None:
            axes.plot([row["low_percent"], row["high_percent"]], [place] * 2, color=colour)
        if row["mean_percent"] is not None:
            axes.plot(row["mean_percent"], place, "o", color=colour, markersize=3)
    axes.set_yticks(places, [_label(row) for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(colours[row["suite"]])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlim(0, 100)
    axes.set_xlabel("elements of the state Jacobian that are zero [%]")
    _legend(figure, colours)
    return figure


def _label(row: dict[str, object]) -> str:
    return f"{row['environment']} ({row['behaviour']}, {row['states']})"


def _legend(figure: Figure, colours: dict[str, str]) -> None:
    marks = [
        Line2D([], [], color="#9A9A9A", linewidth=5, label="by the model"),
        Line2D([], [], color=QUIET, linewidth=5, label="in every sample"),
        Line2D([], [], color=STATE, marker="o", markersize=3, label="mean, percentiles 5 to 95"),
    ]
    marks += [
        Line2D([], [], color=colour, marker="s", linestyle="", markersize=4, label=name)
        for name, colour in colours.items()
    ]
    figure.legend(handles=marks, loc="outside upper center", ncols=4)
