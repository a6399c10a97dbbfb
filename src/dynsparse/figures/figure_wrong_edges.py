"""The price of a wrong edge: errors over the share of a true graph that is wrong."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.learned import legend_below, log_scale
from dynsparse.figures.style import SERIES, panels, styled
from dynsparse.learning.learners import Section, series_of, whole
from dynsparse.tables.learned import cases, of_case, select
from dynsparse.tables.table_architectures import ENDS
from dynsparse.tables.table_value import table_value

# Edges of the true graph that are closed, and others that are opened.
WRONG = {"miss": "misses", "false_alarm": "false alarms"}
MEASURES = {"state_mse_ratio": "after one step", "open_loop_ratio": "in open loop"}


class Line(NamedTuple):
    """Learners that differ in the share of one kind of wrong edge alone, by that share."""

    label: str
    learners: Mapping[float, str]


@styled()
def figure_wrong_edges(
    curves: pa.Table, recovery: pa.Table, rollout: pa.Table, split: str, section: Section
) -> Figure:
    """Errors under the oracle's mask with wrong edges, over those of the network without a mask.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        recovery: likewise of kind ``learning_recovery``.
        rollout: likewise of kind ``learning_rollout``.
        split: which kind of split is shown.
        section: the configuration's ``learning``.

    Returns:
        Above the error of the next state, below that after the most steps in open loop; a panel per
        environment. Lines and bands are ``table_value``'s ratios: the mean over networks, and from
        the lowest to the highest.
    """
    values = select(table_value(curves, recovery, rollout, section), split=split)
    lines, shown = lines_of(section), cases(values)
    figure, axes = panels(2 * max(len(shown), 1), height_in=1.9, columns=max(len(shown), 1))
    places = [(measure, case) for measure in MEASURES for case in shown]
    for panel, (measure, case) in zip(axes, places, strict=False):
        rows = {row["learner"]: row for row in of_case(values, case).to_pylist()}
        panel.axhline(1, color="black", linewidth=0.6, linestyle=":", label="no mask")
        for number, line in enumerate(lines):
            _draw(panel, line, rows, measure, SERIES[number % len(SERIES)])
        _axis(panel, sorted({share for line in lines for share in line.learners}))
        panel.set_title(f"{case[0]} ({case[1]}), {MEASURES[measure]}")
        panel.set_xlabel("share of edges, or of absent edges, that is wrong")
    if not lines or not shown:
        axes[0].text(0.5, 0.5, "no network without a mask beside these", ha="center", va="center")
    figure.supylabel("error, relative to no mask", fontsize=8)
    legend_below(figure)
    return figure


def lines_of(section: Section) -> list[Line]:
    """Learners under the oracle's mask that make a line, if there is one without a mask beside."""
    compared = series_of(section)
    groups: dict[str, list[str]] = {}
    for name, learner in section["learners"].items():
        if learner.get("mask") == "oracle" and compared[name].against != name:
            rest = {k: v for k, v in whole(section, name).items() if k not in WRONG}
            groups.setdefault(json.dumps(rest, sort_keys=True), []).append(name)
    return [
        Line(label, by_share)
        for names in groups.values()
        for label, by_share in _by_kind(section, names)
        if any(by_share)
    ]


def _by_kind(section: Section, names: Sequence[str]) -> Iterator[tuple[str, dict[float, str]]]:
    """Of learners that differ in wrong edges alone, those that have one kind of them or none."""
    count = section["learners"][names[0]].get("samples")
    for kind, words in WRONG.items():
        others = [each for each in WRONG if each != kind]
        mine = {name: section["learners"][name] for name in names}
        alone = {n: own[kind] for n, own in mine.items() if not any(own[o] for o in others)}
        label = words if count is None else f"{words}, {count:,} samples"
        yield label, {alone[name]: name for name in sorted(alone, key=alone.__getitem__)}


def _draw(
    axes: Axes, line: Line, rows: Mapping[str, Mapping[str, Any]], measure: str, colour: str
) -> None:
    """A line with its band, and a mark where nothing is wrong."""
    found = {
        share: [rows[name][f"{measure}{end}"] for end in ENDS]
        for share, name in line.learners.items()
        if name in rows
    }
    there = {share: ends for share, ends in found.items() if None not in ends}
    there = {share: ends for share, ends in there.items() if np.isfinite(ends).all()}
    if not there:
        return
    x, (mean, low, high) = list(there), np.array(list(there.values())).T
    axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
    axes.plot(x, mean, color=colour, marker=".", label=line.label)
    if 0 in there:
        axes.plot([0], [there[0][0]], "o", color="black", markersize=4, label="the true graph")


def _axis(axes: Axes, shares: Sequence[float]) -> None:
    """Shares, nothing at all included, at a logarithmic scale."""
    wrong = [share for share in shares if share]
    if wrong:
        axes.set_xscale("symlog", linthresh=wrong[0], linscale=0.5)
        axes.set_xticks(shares, [f"{100 * share:g} %" for share in shares])
        axes.minorticks_off()
    log_scale(axes)
