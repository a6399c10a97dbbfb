"""Learning curves of the expert policies."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynsparse.figures.style import SERIES, panels, styled


@styled()
def learning_curve(curves: pa.Table) -> Figure:
    """Return of evaluation episodes over environment steps, one panel per environment.

    Args:
        curves: columns ``environment``, ``seed``, ``steps``, ``reward_mean`` and ``reward_std``
            (over evaluation episodes).

    Returns:
        One line per seed; bands are one standard deviation over evaluation episodes.
    """
    environments = sorted(pc.unique(curves["environment"]).to_pylist())
    figure, axes = panels(len(environments), height_in=2.2)
    for panel, environment in zip(axes, environments, strict=True):
        _panel(panel, curves.filter(pc.equal(curves["environment"], environment)), environment)
    for panel in axes[::2]:
        panel.set_ylabel("return of an episode")
    return figure


def _panel(axes: Axes, rows: pa.Table, environment: str) -> None:
    for number, seed in enumerate(sorted(pc.unique(rows["seed"]).to_pylist())):
        curve = rows.filter(pc.equal(rows["seed"], seed)).sort_by("steps")
        millions = curve["steps"].to_numpy() / 1e6
        mean, std = curve["reward_mean"].to_numpy(), curve["reward_std"].to_numpy()
        colour = SERIES[number % len(SERIES)]
        axes.fill_between(millions, mean - std, mean + std, color=colour, alpha=0.2, linewidth=0)
        axes.plot(millions, mean, color=colour, marker="o", markersize=2, label=f"seed {seed}")
    axes.set_title(f"{environment} (expert in training)")
    axes.set_xlabel("environment steps [millions]")
    axes.set_ylim(bottom=min(0.0, float(np.nanmin(rows["reward_mean"].to_numpy()))))
    axes.legend(loc="lower right")
