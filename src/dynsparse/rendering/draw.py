"""Draw states of a model, as a process of its own: ``MUJOCO_GL`` is read on MuJoCo's import.

Usage: ``python -m dynsparse.rendering.draw MODEL.mjb STATES.npy PICTURES.npy WIDTH HEIGHT``
"""

import sys

import numpy as np
from jaxtyping import Float, UInt8


def draw_states(
    model_file: str, states: Float[np.ndarray, "frames state"], width: int, height: int
) -> UInt8[np.ndarray, "frames height width 3"]:
    """RGB pictures of states ``(qpos, qvel)`` from the model's first camera."""
    import mujoco

    model = mujoco.MjModel.from_binary_path(model_file)
    data = mujoco.MjData(model)
    camera = 0 if model.ncam else -1
    pictures = np.empty((len(states), height, width, 3), dtype=np.uint8)
    with mujoco.Renderer(model, height, width) as renderer:
        for state, picture in zip(states, pictures, strict=True):
            data.qpos[:], data.qvel[:] = np.split(state, [model.nq])
            mujoco.mj_forward(model, data)
            renderer.update_scene(data, camera)
            renderer.render(out=picture)
    return pictures


if __name__ == "__main__":
    model_file, states_file, pictures_file, width, height = sys.argv[1:]
    pictures = draw_states(model_file, np.load(states_file), int(width), int(height))
    np.save(pictures_file, pictures)
