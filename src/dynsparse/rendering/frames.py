"""Pictures with whatever offscreen renderer this machine has, and none if it has none."""

import copy
import io
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from dynsparse.running.compiling import RENDERER_VARIABLE

RENDERERS = ("egl", "osmesa")
VARIABLE = "MUJOCO_GL"
WIDTH, HEIGHT = 400, 300
# A renderer that hangs counts as one that does not work.
TIMEOUT_S = 300


@dataclass(frozen=True)
class Pictures:
    """PNG files of states, or why there are none.

    Attributes:
        png: one per state; empty if no renderer works.
        renderer: the one that drew them, empty if none did.
        problem: what each renderer said that did not work.
    """

    png: tuple[bytes, ...]
    renderer: str
    problem: str


def draw_frames(model: mujoco.MjModel, states: Float[np.ndarray, "frames state"]) -> Pictures:
    """Draw states ``(qpos, qvel)`` offscreen, from the model's first camera.

    EGL is tried, then OSMesa; or only what the environment variable ``MUJOCO_GL`` said, if it was
    set. Bodies placed by the task alone (``mocap``, the targets of reaching) are left out, since
    where they were is no part of the state.
    """
    problems = []
    chosen = os.environ.get(RENDERER_VARIABLE) or os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _save_model(model, folder / "model.mjb")
        np.save(folder / "states.npy", states)
        for renderer in (chosen,) if chosen else RENDERERS:
            problem = _draw(folder, renderer)
            if not problem:
                pictures = np.load(folder / "pictures.npy", allow_pickle=False)
                return Pictures(tuple(_png(picture) for picture in pictures), renderer, "")
            problems.append(f"{renderer}: {problem}")
    return Pictures((), "", "; ".join(problems))


def _save_model(model: mujoco.MjModel, path: Path) -> None:
    """The compiled model, with mocap bodies made invisible."""
    shown = copy.deepcopy(model)
    for bodies, colours in (
        (shown.geom_bodyid, shown.geom_rgba),
        (shown.site_bodyid, shown.site_rgba),
    ):
        colours[shown.body_mocapid[bodies] >= 0, 3] = 0
    mujoco.mj_saveModel(shown, str(path))


def _draw(folder: Path, renderer: str) -> str:
    """Draw with one renderer; empty if that worked, else the reason in one line."""
    files = [str(folder / name) for name in ("model.mjb", "states.npy", "pictures.npy")]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "dynsparse.rendering.draw", *files, str(WIDTH), str(HEIGHT)],
            env={**os.environ, VARIABLE: renderer},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {TIMEOUT_S} s"
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"ended with status {done.returncode}"


def _png(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", optimize=True)
    return stream.getvalue()
