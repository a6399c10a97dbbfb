"""Figure A3.3: sparsity over the first 50 steps of one rollout per environment (appendix A3.2)."""

from collections.abc import Sequence

import pyarrow as pa
from matplotlib.figure import Figure

from dynsparse.figures.figure_6 import (
    FIRST_STEPS,
    first_episode,
    legend_over_time,
    sparsity_over_time,
)
from dynsparse.figures.style import heading, panels, styled
from dynsparse.storage.tables import metadata_of


@styled()
def figure_a3_3(steps: Sequence[pa.Table]) -> Figure:
    """Sparsity over time as the paper's appendix shows it, one panel per environment.

    Args:
        steps: tables of kind ``steps``, merged over seeds, one per environment and behaviour.

    Returns:
        The first 50 steps of the first episode of the lowest seed; steps at which any pair of
        geoms touches are shaded.
    """
    figure, axes = panels(len(steps), height_in=1.5)
    for panel, table in zip(axes, steps, strict=True):
        sparsity_over_time(panel, first_episode(table).slice(0, FIRST_STEPS), heading(table))
        dt_ms = 1000 * metadata_of(table)["control_dt_s"]
        panel.set_xlabel(f"control step of {dt_ms:g} ms", fontsize=7, labelpad=1)
    figure.supylabel("sparsity [%]", fontsize=8)
    legend_over_time(figure, axes[0], metadata_of(steps[0])["threshold"])
    return figure
