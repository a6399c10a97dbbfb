"""Figure 1: the environments of the study."""

from collections.abc import Sequence

import pyarrow as pa
from matplotlib.figure import Figure

from dynsparse.embedding.window import combined_sparsity
from dynsparse.figures.pictures import picture
from dynsparse.figures.style import heading, panels, styled

COLUMNS = 4
BEHAVIOURS = ("expert", "half", "random")  # who is shown, where there is a choice


@styled()
def figure_1(frames: Sequence[pa.Table]) -> Figure:
    """One picture per environment.

    Args:
        frames: tables of kind ``frames``, one per environment and behaviour.

    Returns:
        A panel per environment in the order given, of the best behaviour there is. Shown is the
        frame of least sparsity, in which most variables act on each other.
    """
    chosen = one_per_environment(frames)
    figure, axes = panels(len(chosen), 1.5, COLUMNS, width_in=1.8)
    for panel, table in zip(axes, chosen, strict=True):
        picture(panel, densest(table)["png"])
        panel.set_title(heading(table), fontsize=8)
    return figure


def one_per_environment(frames: Sequence[pa.Table]) -> list[pa.Table]:
    """The table of the best behaviour of every environment, in the order of environments."""
    best: dict[str, pa.Table] = {}
    for table in frames:
        name = table["environment"][0].as_py()
        if name not in best or _rank(table) < _rank(best[name]):
            best[name] = table
    return list(best.values())


def densest(frames: pa.Table) -> dict:
    """The row of least combined sparsity, of equals the first."""
    order = combined_sparsity(frames).argsort(kind="stable")
    return frames.slice(int(order[0]), 1).to_pylist()[0]


def _rank(table: pa.Table) -> int:
    return BEHAVIOURS.index(table["behaviour"][0].as_py())
