"""One page per environment and behaviour: what it is, and where and when it is sparse."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from dynsparse.embedding.window import combined_sparsity
from dynsparse.figures.figure_3 import heatmap
from dynsparse.figures.figure_4 import embedding_map, sparsity_colours
from dynsparse.figures.figure_5 import sparsity_histogram
from dynsparse.figures.figure_6 import first_episode, sparsity_over_time
from dynsparse.figures.figure_7 import duration_distribution
from dynsparse.figures.pictures import picture
from dynsparse.figures.style import ACTION, QUIET, STATE, counted, heading, power_of_ten, styled
from dynsparse.sparsity.merging import total_over_seeds
from dynsparse.storage.tables import metadata_of

WIDTH_IN = 8.3
STRIP = 5  # pictures side by side
LARGEST_CELL_IN = 0.34
MATRIX_LABELS_IN = 1.35
MOST_TOUCHING = 6  # more pairs than these are counted together


class Case(NamedTuple):
    """The tables of one environment and behaviour, merged over seeds, each of its kind."""

    elements: pa.Table
    steps: pa.Table
    durations: pa.Table
    embedding: pa.Table
    frames: pa.Table


@styled()
def summary(
    elements: pa.Table,
    steps: pa.Table,
    durations: pa.Table,
    embedding: pa.Table,
    frames: pa.Table,
    threshold: float,
) -> Figure:
    """Facts, pictures, map, heatmaps, histogram, durations and contacts on one page.

    Args:
        elements: of one environment and behaviour, merged over seeds, like the other tables;
            each is of the kind that it is named after.
        steps: see ``elements``.
        durations: see ``elements``.
        embedding: see ``elements``.
        frames: see ``elements``.
        threshold: which of the counted thresholds the heatmaps show.
    """
    case = Case(elements, steps, durations, embedding, frames)
    totals = total_over_seeds(case.elements).to_pylist()
    shown = [row for row in totals if row["threshold"] == threshold]
    heights = [2.15, 1.35, _matrix_height_in(shown), 2.0, 2.0]
    figure = Figure(figsize=(WIDTH_IN, sum(heights) + 0.5), layout="constrained")
    figure.suptitle(heading(case.steps), fontsize=13, fontweight="bold")
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    rows = [figure.add_subfigure(grid[row]) for row in range(len(heights))]
    _top(rows[0], case, shown, threshold)
    _strip(rows[1], case.frames)
    _heatmaps(rows[2], shown)
    left, right = rows[3].subplots(1, 2)
    sparsity_histogram(left, case.steps)
    left.set_title("sparsity per sample")
    left.set_xlabel("sparsity (state up, action down)")
    left.set_ylabel("samples [%]")
    contacts(right, case.steps)
    left, right = rows[4].subplots(1, 2)
    episode = first_episode(case.steps)
    sparsity_over_time(left, episode, "first episode of the lowest seed; grey: something touches")
    left.set_xlabel(_step_label(case.steps))
    left.set_ylabel("sparsity [%]")
    duration_distribution(right, case.durations)
    right.set_title("how long elements stay zero and nonzero", pad=28)
    return figure


def facts(case: Case, shown: list[dict], threshold: float) -> list[tuple[str, str]]:
    """What is worth knowing in words and numbers: names and values."""
    steps, ok = case.steps, case.steps.filter(case.steps["jacobian_ok"])
    episodes = steps.group_by(["seed", "episode"]).aggregate([("reward", "sum")])
    returns = episodes["reward_sum"].to_numpy()
    dimensions = [
        len({row[axis] for row in shown if row["jacobian"] == jacobian})
        for jacobian, axis in (("state", "row"), ("action", "column"))
    ]
    dt_ms = 1000 * metadata_of(steps)["control_dt_s"]
    return [
        ("behaviour", steps["behaviour"][0].as_py()),
        ("dimensions", "{} state, {} action".format(*dimensions)),
        ("control step", f"{dt_ms:g} ms"),
        (
            "samples",
            f"{steps.num_rows:,} in {counted(len(returns), 'episode')} of "
            f"{counted(pc.count_distinct(steps['seed']).as_py(), 'seed')}",
        ),
        ("not finite, left out", f"{steps.num_rows - ok.num_rows:,}"),
        ("return of an episode", _return(returns)),
        ("zero is", f"|x| < {power_of_ten(threshold)}"),
        *(
            (f"zero in every sample, {jacobian}", _always(shown, jacobian))
            for jacobian in ("state", "action")
        ),
        *(
            (f"mean sparsity, {jacobian}", _mean_sparsity(ok, jacobian))
            for jacobian in ("state", "action")
        ),
        ("something touches", f"in {_percent(steps['contacts'].to_numpy() > 0)} of steps"),
    ]


def contacts(axes: Axes, steps: pa.Table) -> None:
    """One panel: sparsity against the number of geom pairs that touch, and how common that is."""
    ok = steps.filter(steps["jacobian_ok"])
    touching = np.minimum(ok["contacts"].to_numpy(), MOST_TOUCHING)
    numbers = np.unique(touching)
    shares = [100 * (touching == number).mean() for number in numbers]
    places = np.arange(len(numbers))
    axes.bar(places, shares, 0.8, color=QUIET, label="share of samples")
    for jacobian, colour, marker in (("state", STATE, "o"), ("action", ACTION, "s")):
        percent = 100 * ok[f"{jacobian}_zeros"].to_numpy() / ok[f"{jacobian}_elements"].to_numpy()
        means = [percent[touching == number].mean() for number in numbers]
        spread = [percent[touching == number].std() for number in numbers]
        axes.errorbar(
            places,
            means,
            spread,
            color=colour,
            marker=marker,
            linestyle="none",
            markersize=5,
            capsize=3,
            label=f"mean sparsity, {jacobian}",
        )
    labels = [f"{n}+" if n == MOST_TOUCHING else str(n) for n in numbers.tolist()]
    axes.set_xticks(places, labels)
    axes.set_xlim(-0.6, max(len(numbers), 2) - 0.4)
    axes.set_ylim(-4, 119)
    axes.set_yticks([0, 50, 100])
    axes.set_xlabel("pairs of geoms that touch during a step")
    axes.set_ylabel("[%]")
    axes.set_title("contacts; bars: standard deviation", pad=16)
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 0.96),
        ncols=3,
        borderaxespad=0,
        columnspacing=1.0,
        handletextpad=0.4,
    )


def _top(row: SubFigure, case: Case, shown: list[dict], threshold: float) -> None:
    words, plane = row.subplots(1, 2, width_ratios=[1.25, 1])
    words.axis("off")
    for number, (name, value) in enumerate(facts(case, shown, threshold)):
        height = 1 - (number + 0.5) / 12
        words.text(0.40, height, name, ha="right", va="center", color="0.35")
        words.text(0.43, height, value, ha="left", va="center")
    colours = sparsity_colours(case.embedding, case.frames)
    embedding_map(plane, case.embedding, case.frames, colours)
    bar = row.colorbar(colours, ax=plane, label="sparsity")
    bar.outline.set_visible(False)


def _strip(row: SubFigure, frames: pa.Table) -> None:
    """Some of the frames: the first, the last, and what lies between."""
    count = min(STRIP, frames.num_rows)
    numbers = np.linspace(0, frames.num_rows - 1, count).round().astype(int)
    sparsity = combined_sparsity(frames)
    rows = frames.to_pylist()
    for place, number in enumerate(numbers.tolist()):
        axes = row.add_subplot(1, STRIP, place + 1)
        picture(axes, rows[number]["png"])
        axes.set_title(
            f"{number + 1}: {rows[number]['time_s']:.2f} s, sparsity {sparsity[number]:.2f}",
            fontsize=7,
        )


def _heatmaps(row: SubFigure, shown: list[dict]) -> None:
    sides = [[r for r in shown if r["jacobian"] == jacobian] for jacobian in ("state", "action")]
    widths = [len({r["column"] for r in side}) for side in sides]
    left, right = row.subplots(1, 2, width_ratios=[max(width, 1) for width in widths])
    image = heatmap(
        left, sides[0], "state Jacobian: samples in which an element is zero [%]", "current state"
    )
    heatmap(right, sides[1], "action Jacobian", "action")
    left.set_ylabel("next state")
    right.tick_params(labelleft=False)
    bar = row.colorbar(image, ax=[left, right])
    bar.outline.set_visible(False)


def _matrix_height_in(shown: list[dict]) -> float:
    """Both Jacobians side by side with square cells, which are not larger than they need be."""
    rows = len({row["row"] for row in shown})
    columns = rows + len({row["column"] for row in shown if row["jacobian"] == "action"})
    return rows * min(LARGEST_CELL_IN, 6.0 / columns) + MATRIX_LABELS_IN


def _always(shown: list[dict], jacobian: str) -> str:
    rows = [row for row in shown if row["jacobian"] == jacobian]
    always = sum(0 < row["samples"] == row["zeros"] for row in rows)
    return f"{always} of {counted(len(rows), 'element')}"


def _mean_sparsity(ok: pa.Table, jacobian: str) -> str:
    if not ok.num_rows:
        return "no finite sample"
    percent = 100 * ok[f"{jacobian}_zeros"].to_numpy() / ok[f"{jacobian}_elements"].to_numpy()
    if percent.min() == percent.max():
        return f"{percent.mean():.1f} % in every sample"
    return f"{percent.mean():.1f} %, from {percent.min():.0f} to {percent.max():.0f} %"


def _return(returns: Float[np.ndarray, " episodes"]) -> str:
    """As in Table A1.1: the standard deviation of a sample, of which a single one has none."""
    if len(returns) < 2:
        return f"{returns.mean():.1f}"
    return f"{returns.mean():.1f}, standard deviation {returns.std(ddof=1):.1f}"


def _percent(marks: Bool[np.ndarray, " steps"]) -> str:
    return f"{100 * marks.mean():.1f} %"


def _step_label(steps: pa.Table) -> str:
    return f"control step of {1000 * metadata_of(steps)['control_dt_s']:g} ms"
