"""Figure 6: sparsity over time in one rollout per environment (section 5.3)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from dynsparse.figures.style import ACTION, QUIET, STATE, heading, power_of_ten, shade_steps, styled
from dynsparse.storage.tables import metadata_of

FIRST_STEPS = 50  # as many as the paper shows


@styled()
def figure_6(steps: Sequence[pa.Table]) -> Figure:
    """Sparsity over time: the first 50 steps as in the paper, beside the whole episode.

    Args:
        steps: tables of kind ``steps``, merged over seeds, one per environment and behaviour.

    Returns:
        One row of two panels per table, for the first episode of the lowest seed. Steps at which
        any pair of geoms touches are shaded; samples that are not finite leave a gap.
    """
    figure = Figure(figsize=(7.0, 0.7 + 1.45 * len(steps)), layout="constrained")
    grid = figure.add_gridspec(len(steps), 2, width_ratios=[1, 1.4])
    for row, table in enumerate(steps):
        episode = first_episode(table)
        left, right = figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1])
        left.sharey(right)
        sparsity_over_time(
            left, episode.slice(0, FIRST_STEPS), f"{heading(table)}, first {FIRST_STEPS} steps"
        )
        number = episode["episode"][0].as_py()
        seed = episode["seed"][0].as_py()
        sparsity_over_time(right, episode, f"{heading(table)}, seed {seed}, episode {number}")
        left.set_ylabel("sparsity [%]")
        right.tick_params(labelleft=False)
        for panel in (left, right):
            dt_ms = 1000 * metadata_of(table)["control_dt_s"]
            panel.set_xlabel(f"control step of {dt_ms:g} ms", fontsize=7, labelpad=1)
    legend_over_time(figure, right, metadata_of(steps[0])["threshold"])
    return figure


def first_episode(table: pa.Table) -> pa.Table:
    """The first episode of the lowest seed, in the order of its steps."""
    rows = table.filter(pc.equal(table["seed"], pc.min(table["seed"])))
    rows = rows.filter(pc.equal(rows["episode"], pc.min(rows["episode"])))
    return rows.sort_by("step")


def sparsity_over_time(axes: Axes, episode: pa.Table, title: str) -> None:
    """One panel: consecutive steps of one episode, from a table of kind ``steps``."""
    steps = episode["step"].to_numpy()
    edges = np.append(steps, steps[-1] + 1)
    shade_steps(axes, edges.astype(float), episode["contacts"].to_numpy() > 0, QUIET)
    width = 1.4 if len(steps) <= FIRST_STEPS else 0.8
    for jacobian, colour in (("state", STATE), ("action", ACTION)):
        zeros = episode[f"{jacobian}_zeros"].to_numpy().astype(float)
        percent = 100 * zeros / episode[f"{jacobian}_elements"][0].as_py()
        axes.stairs(percent, edges, baseline=None, color=colour, linewidth=width)
    axes.set_title(title, fontsize=8)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(-4, 104)
    axes.set_yticks([0, 50, 100])


def legend_over_time(figure: Figure, axes: Axes, threshold: float) -> None:
    """The legend of ``sparsity_over_time``, whose ``axes`` lends its lines."""
    state, action = axes.patches[-2:]
    figure.legend(
        [state, action, Patch(color=QUIET)],
        ["state Jacobian", "action Jacobian", "something touches"],
        loc="outside upper center",
        ncols=3,
        title=f"Share of elements that are zero (|x| < {power_of_ten(threshold)}) over time",
        title_fontsize=9,
    )
