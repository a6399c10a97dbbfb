"""How every figure looks, and how it is saved."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float
from matplotlib import style as matplotlib_style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from dynsparse.storage.files import whole_file

# Okabe and Ito's colours are told apart by colour-blind readers; the pairs differ in lightness
# too, so that they stay apart in a grey print.
STATE = "#0072B2"
ACTION = "#E69F00"
ZERO = "#0072B2"
NONZERO = "#D55E00"
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
QUIET = "#D9D9D9"
LIMIT = "#FBE3B9"

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
    # A name is shown as it is, also with a dollar in it.
    "text.parse_math": False,
    # The same drawing gives the same bytes.
    "svg.hashsalt": "dynsparse",
    "svg.fonttype": "path",
}

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PNG_DPI = 200
PANEL_WIDTH_IN = 3.4
NARROWEST_IN = 5.2


def styled() -> Any:
    """The project's style, for one drawing; a decorator, so that no global state stays changed.

    It starts from Matplotlib's defaults, whatever the user's ``matplotlibrc`` says.
    """
    return matplotlib_style.context(STYLE, after_reset=True)


def panels(
    count: int, height_in: float, columns: int = 2, width_in: float = PANEL_WIDTH_IN
) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels of equal size, left to right, then down."""
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    # The titles of the figure stand above the panels and need room of their own.
    size = (max(width_in * columns, NARROWEST_IN), height_in * rows + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = [figure.add_subplot(rows, columns, number + 1) for number in range(count)]
    return figure, axes


def heading(table: pa.Table) -> str:
    """``environment (behaviour)``, the beginning of every panel's title."""
    return f"{table['environment'][0].as_py()} ({table['behaviour'][0].as_py()})"


def counted(number: int, noun: str) -> str:
    """``1 seed``, ``2 seeds``, ``4,000 samples``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def power_of_ten(value: float) -> str:
    """A threshold as it is printed: 1e-12 as a power of ten, others plainly."""
    exponent = math.log10(value)
    if np.isclose(exponent, round(exponent)):
        return "10" + str(round(exponent)).translate(_SUPERSCRIPTS)
    return f"{value:g}"


class _Powers(LogFormatter):
    """Labels where Matplotlib has them, but as plain text."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return power_of_ten(x) if super().__call__(x, pos) else ""


def logarithmic(axes: Axes, *names: str) -> None:
    """Logarithmic axes, ``x`` or ``y`` or both, labelled at powers of ten."""
    for name in names:
        getattr(axes, f"set_{name}scale")("log")
        axis = getattr(axes, f"{name}axis")
        axis.set_major_formatter(_Powers())
        axis.set_minor_formatter(_Powers(labelOnlyBase=False))


def shade_steps(
    axes: Axes,
    edges: Float[np.ndarray, " edges"],
    where: Bool[np.ndarray, " steps"],
    colour: str,
    label: str = "",
) -> None:
    """Shade the steps between ``edges`` that are marked, each over its whole width."""
    axes.fill_between(
        # Both ends of every step, since a lone marked point would have no width.
        np.repeat(edges, 2)[1:-1],
        0,
        1,
        where=np.repeat(where, 2),
        color=colour,
        label=label,
        linewidth=0,
        transform=axes.get_xaxis_transform(),
    )


def save_figure(figure: Figure, path: Path | str) -> None:
    """Save as ``.svg`` and ``.png`` (200 dpi) beside each other, each file whole.

    The bytes depend on the drawing alone: no date and no random identifiers are stored.

    Raises:
        DynsparseError: a file cannot be written.
    """
    with styled():
        with whole_file(Path(path).with_suffix(".svg")) as temporary:
            figure.savefig(temporary, metadata={"Date": None})
        with whole_file(Path(path).with_suffix(".png")) as temporary:
            figure.savefig(temporary, dpi=PNG_DPI)
