"""Pictures of the simulation in figures, and the words that stand in for them."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from dynsparse.figures.style import QUIET

NO_PICTURE = "no picture:\nneither EGL nor OSMesa\nworked where this was made"
SHAPE = (3, 4)  # height and width of the space that stands in for a picture


def picture(axes: Axes, png: bytes | None, edge: Any = "0.6", width: float = 0.6) -> None:
    """Show a PNG file with a frame around it, or say that there was no renderer."""
    image = np.ones((*SHAPE, 3)) if png is None else np.asarray(Image.open(io.BytesIO(png)))
    axes.imshow(image, aspect="equal", interpolation="antialiased")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=edge, linewidth=width)
    if png is None:
        axes.set_facecolor(QUIET)
        axes.text(0.5, 0.5, NO_PICTURE, ha="center", va="center", transform=axes.transAxes)
