"""Figure 4: samples as a map coloured by sparsity, and the simulation along a path through it."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from dynsparse.embedding.window import combined_sparsity
from dynsparse.figures.pictures import picture
from dynsparse.figures.style import (
    LIMIT,
    QUIET,
    counted,
    heading,
    power_of_ten,
    shade_steps,
    styled,
)
from dynsparse.storage.tables import metadata_of

COLUMNS = 4
COLOURS = "viridis"
HALO = [withStroke(linewidth=2.5, foreground="white")]


@styled()
def figure_4(embedding: pa.Table, frames: pa.Table) -> Figure:
    """Pictures along one stretch of an episode, its path through the map, and its sparsity.

    Args:
        embedding: table of kind ``embedding``.
        frames: table of kind ``frames`` of the same environment and behaviour.

    Returns:
        Numbered frames above, framed in the colour of their sparsity; below left the samples
        in two dimensions with the path and the numbers, below right the sparsity over time.
    """
    colours = sparsity_colours(embedding, frames)
    sparsity = combined_sparsity(frames)
    rows = -(-frames.num_rows // COLUMNS)
    figure = Figure(figsize=(7.2, 1.62 * rows + 3.1), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=[1.62 * rows, 3.0])
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    for number, frame in enumerate(frames.to_pylist()):
        axes = above.add_subplot(rows, COLUMNS, number + 1)
        picture(axes, frame["png"], edge=colours.to_rgba(sparsity[number]), width=2.5)
        axes.set_title(_caption(number, frame, float(sparsity[number])), fontsize=7)
    left, right = below.subplots(1, 2, width_ratios=[1.15, 1])
    embedding_map(left, embedding, frames, colours)
    sparsity_of_stretch(right, embedding, frames, colours)
    bar = below.colorbar(colours, ax=left, label="sparsity (share of elements that are zero)")
    bar.outline.set_visible(False)
    threshold = power_of_ten(metadata_of(embedding)["threshold"])
    first = frames.to_pylist()[0]
    figure.suptitle(
        f"{heading(frames)}, seed {first['seed']}, episode {first['episode']}: "
        f"sparsity of both Jacobians together, zero is |x| < {threshold}",
        fontsize=9,
    )
    return figure


def sparsity_colours(embedding: pa.Table, frames: pa.Table) -> ScalarMappable:
    """Colours from 0 to the largest sparsity that occurs, the same in map and frames.

    From 0, so that a difference looks as large as it is.
    """
    both = np.concatenate([combined_sparsity(embedding), combined_sparsity(frames)])
    largest = float(np.nanmax(both, initial=0.0))
    return ScalarMappable(Normalize(0, largest or 1.0), COLOURS)


def embedding_map(
    axes: Axes, embedding: pa.Table, frames: pa.Table, colours: ScalarMappable
) -> None:
    """One panel: all samples, the path of the stretch that is shown, and its numbered frames."""
    axes.set_title(f"t-SNE of {counted(embedding.num_rows, 'transition')} (s, a, s')")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color="0.6")
    if not embedding.num_rows:
        axes.text(0.5, 0.5, "too few samples", ha="center", va="center", transform=axes.transAxes)
        return
    x, y = (embedding[name].to_numpy() for name in ("x", "y"))
    shown = embedding["shown"].to_numpy()
    # The commonest first, so that what is rare is not covered.
    sparsity = combined_sparsity(embedding)
    _, kind, counts = np.unique(sparsity, return_inverse=True, return_counts=True)
    order = np.argsort(-counts[kind], kind="stable")
    colour = colours.to_rgba(sparsity[order])
    size = float(np.clip(8000 / len(x), 1.0, 9.0))
    axes.scatter(x[order], y[order], size, colour, linewidths=0, rasterized=True)
    axes.plot(x[shown], y[shown], color="black", linewidth=0.7, path_effects=HALO)
    steps = embedding["step"].to_numpy()
    for number, step in enumerate(frames["step"].to_pylist()):
        (at,) = np.nonzero(shown & (steps == step))
        for position in at:
            _number(axes, number, (x[position], y[position]))


def sparsity_of_stretch(
    axes: Axes, embedding: pa.Table, frames: pa.Table, colours: ScalarMappable
) -> None:
    """One panel: the sparsity during the stretch, and when contacts and limits act."""
    stretch = embedding.filter(embedding["shown"])
    dt_s = metadata_of(embedding)["control_dt_s"]
    if stretch.num_rows:
        times = stretch["time_s"].to_numpy()
        edges = np.append(times, times[-1] + dt_s)
        for column, colour, label in (
            ("limits", LIMIT, "a limit acts"),
            ("contacts", QUIET, "something touches"),
        ):
            shade_steps(axes, edges, stretch[column].to_numpy() > 0, colour, label)
        axes.stairs(combined_sparsity(stretch), edges, baseline=None, color="black")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 0.99), ncols=2, borderaxespad=0)
    for number, (time_s, value) in enumerate(
        zip(frames["time_s"].to_pylist(), combined_sparsity(frames), strict=True)
    ):
        if np.isfinite(value):
            _number(axes, number, (time_s + dt_s / 2, value))
    axes.margins(x=0.02)
    _, largest = colours.get_clim()
    axes.set_ylim(-0.08 * largest, 1.12 * largest)
    axes.set_xlabel(f"time in the episode [s], control steps of {1000 * dt_s:g} ms")
    axes.set_ylabel("sparsity")


def _number(axes: Axes, number: int, position: tuple[float, float]) -> None:
    axes.annotate(
        str(number + 1),
        position,
        ha="center",
        va="center",
        fontsize=6,
        fontweight="bold",
        bbox={"boxstyle": "circle,pad=0.2", "facecolor": "white", "linewidth": 0.7},
        zorder=5,
    )


def _caption(number: int, frame: dict, sparsity: float) -> str:
    value = f"sparsity {sparsity:.2f}" if np.isfinite(sparsity) else "not finite"
    return f"{number + 1}: {frame['time_s']:.2f} s, {value}\n{_acting(frame)}"


def _acting(frame: dict) -> str:
    """Contacts and limits that act, in one line of a picture's width."""
    names = [*frame["touching"], *frame["limits"]]
    if not names:
        return "nothing touches"
    return ", ".join(names[:2]) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"
