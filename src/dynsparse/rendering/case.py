"""Frames along the stretch of an episode that the figures show."""

import itertools
from collections.abc import Mapping

import mujoco
import pyarrow as pa

from dynsparse.embedding.samples import Recording, is_limit
from dynsparse.embedding.window import frame_rows, shown_window
from dynsparse.rendering.frames import draw_frames
from dynsparse.running.console import say
from dynsparse.storage.tables import metadata_of, with_metadata


def render_case(
    steps: pa.Table, datasets: Mapping[int, Recording], model: mujoco.MjModel
) -> pa.Table:
    """Draw the simulation at a few steps of the stretch in which its sparsity varies most.

    Args:
        steps: table of kind ``steps``, merged over seeds.
        datasets: the open file of every seed.
        model: the environment's model.

    Returns:
        The rows of ``steps`` that are shown, with ``touching`` (names of the geom pairs in
        contact during the step), ``limits`` (of joints and tendons, that act) and ``png``, which
        is null where no renderer works; the metadata's ``problem`` then says why.
    """
    rows = frame_rows(shown_window(steps))
    dataset = datasets[rows["seed"][0].as_py()]
    arrays = dataset.arrays(rows["episode"][0].as_py(), ("state", "contact", "constraint_active"))
    at = rows["step"].to_numpy()
    pictures = draw_frames(model, arrays["state"][at])
    if not pictures.renderer:
        say(f"no pictures: no offscreen renderer works here ({pictures.problem})")
    limits = is_limit(dataset.info.constraint_names)
    for column, names, marks in (
        ("touching", dataset.info.contact_names, arrays["contact"][at]),
        ("limits", dataset.info.constraint_names, arrays["constraint_active"][at] & limits),
    ):
        marked = [list(itertools.compress(names, step)) for step in marks]
        rows = rows.append_column(column, pa.array(marked, pa.list_(pa.string())))
    png = pa.array(pictures.png or [None] * rows.num_rows, pa.binary())
    facts = metadata_of(steps)
    kept = {key: facts[key] for key in ("threshold", "control_dt_s", "steps", "sources")}
    return with_metadata(
        rows.append_column("png", png),
        "frames",
        renderer=pictures.renderer,
        problem=pictures.problem,
        **kept,
    )
