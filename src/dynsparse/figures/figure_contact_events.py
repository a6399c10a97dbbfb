"""Sparsity averaged around the onset and the release of contacts (section 5.3)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.style import ACTION, SERIES, STATE, counted, heading, styled
from dynsparse.sparsity.intervals import ratio, units
from dynsparse.storage.tables import metadata_of

COLUMNS = ("state", "action", "changes")
COLOURS = {"state": STATE, "action": ACTION, "changes": SERIES[2]}
LABELS = {
    "state": "state Jacobian: zero elements",
    "action": "action Jacobian: zero elements",
    "changes": "samples whose pattern just changed",
}


class Curve(NamedTuple):
    """Percentages at every lag, the 95 % interval around them (NaN without one), and by seed."""

    lag: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    each: np.ndarray
    events: int


@styled()
def figure_contact_events(events: Sequence[pa.Table]) -> Figure:
    """Event-triggered averages: a row per environment and behaviour, onset beside release.

    Args:
        events: tables of kind ``events``, merged over seeds, one per environment and behaviour.

    Returns:
        Thick lines are means over all events; bands are their 95 % bootstrap intervals over seeds,
        thin lines single seeds where seeds are too few for one. Cases in which nothing touches
        are left out.
    """
    shown = [table for table in events if table.num_rows]
    figure = Figure(figsize=(7.0, 1.1 + 1.5 * max(len(shown), 1)), layout="constrained")
    figure.suptitle("Sparsity around the onset and the release of contacts", fontsize=9)
    grid = figure.subplots(max(len(shown), 1), 2, sharey="row", squeeze=False)
    for row, table in zip(grid, shown, strict=False):
        for axes, event in zip(row, ("onset", "release"), strict=True):
            _panel(axes, table, event)
        row[0].set_ylabel("percent")
    if shown:
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    else:
        for axes in grid[0]:
            axes.set_axis_off()
        grid[0, 0].text(0, 0.5, "in no environment of this study does anything touch or let go")
    return figure


def curve(events: pa.Table, event: str, column: str) -> Curve:
    """The average of one quantity around one kind of event.

    Args:
        events: table of kind ``events`` of one case.
        event: ``onset`` or ``release``.
        column: ``state`` or ``action`` (percentage of zero elements), or ``changes`` (percentage
            of samples whose pattern differs from that of a finite step before).
    """
    rows = events.filter(pc.equal(events["event"], event))
    lags = np.array(sorted(pc.unique(rows["lag"]).to_pylist()), dtype=int)
    unit = units(rows["seed"].to_numpy())
    count = int(unit.max(initial=-1)) + 1
    if column == "changes":
        values, weight = rows["changes"].to_numpy(), rows["change_samples"].to_numpy()
    else:
        values = rows[f"{column}_zeros"].to_numpy()
        weight = rows["samples"].to_numpy() * metadata_of(events)["elements"][column]
    found = [
        ratio(*(np.bincount(unit[at], each[at], minlength=count) for each in (values, weight)))
        for at in (rows["lag"].to_numpy() == lag for lag in lags)
    ]
    mean, low, high = (
        100 * np.array([getattr(each, name) for each in found]) for name in ("mean", "low", "high")
    )
    happened = rows.filter(pc.equal(rows["lag"], 0))
    by_seed = 100 * np.array([interval.each for interval in found]).reshape(len(lags), count)
    return Curve(lags, mean, low, high, by_seed, pc.sum(happened["samples"]).as_py() or 0)


def _panel(axes: Axes, table: pa.Table, event: str) -> None:
    dt_ms = 1000 * metadata_of(table)["control_dt_s"]
    for column in COLUMNS:
        found = curve(table, event, column)
        colour = COLOURS[column]
        axes.fill_between(found.lag, found.low, found.high, color=colour, alpha=0.25, linewidth=0)
        style = ":" if column == "changes" else "-"
        axes.plot(found.lag, found.mean, color=colour, linestyle=style, label=LABELS[column])
        if np.isnan(found.low).all():
            axes.plot(found.lag, found.each, color=colour, linewidth=0.5, alpha=0.6)
    axes.axvline(0, color="0.5", linewidth=0.6)
    axes.set_ylim(-4, 104)
    noun = counted(found.events, event)
    seeds = counted(found.each.shape[1], "seed")
    axes.set_title(f"{heading(table)}: {noun}, {seeds}", fontsize=8)
    axes.set_xlabel(f"control steps of {dt_ms:g} ms after the {event}", fontsize=7, labelpad=1)
