"""A Playground environment whose physics runs in MuJoCo's C engine, for training on a CPU.

Observations, rewards and resets are the environment's own code. Only the call that advances the
simulator is replaced, by the same model on the C engine, which is several times faster on a CPU.
"""

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco import mjx
from mujoco_playground import wrapper
from mujoco_playground._src import mjx_env

# What goes to the engine, and what comes back: all that observations and rewards of the DM
# Control Suite read.
INPUTS = ("qpos", "qvel", "qacc_warmstart", "mocap_pos", "mocap_quat")
OUTPUTS = (
    *("qpos", "qvel", "qacc_warmstart", "sensordata", "xpos", "xquat", "xmat", "xipos"),
    *("ximat", "xanchor", "geom_xpos", "geom_xmat", "site_xpos", "site_xmat", "subtree_com"),
)


class EngineEnvironment(wrapper.Wrapper):
    """An environment that is simulated by the C engine.

    ``reset`` and ``step`` may be compiled and mapped over a batch: the whole batch goes to the
    engine in one call, spread over ``threads`` threads. They cannot be differentiated.
    """

    def __init__(self, env: Any, threads: int = 1):
        super().__init__(env)
        self._advance = engine_step(env.mj_model, threads)

    def reset(self, rng: jax.Array) -> Any:
        """The environment's own reset, its physics exchanged (where it settles first)."""
        with patch.object(mjx_env, "step", self._advance):
            return self.env.reset(rng)

    def step(self, state: Any, action: jax.Array) -> Any:
        """The environment's own step, its physics exchanged."""
        with patch.object(mjx_env, "step", self._advance):
            return self.env.step(state, action)


def engine_step(model: mujoco.MjModel, threads: int) -> Callable[..., mjx.Data]:
    """A stand-in for Playground's ``mjx_env.step`` that calls the C engine.

    Like it, it applies ``action`` for ``n_substeps`` simulator steps. The returned data holds
    the fields in ``OUTPUTS``; the others are as they were before the step.
    """
    local = threading.local()
    pool = ThreadPoolExecutor(threads)

    def advance(_: mjx.Model, data: mjx.Data, action: jax.Array, n_substeps: int = 1) -> mjx.Data:
        outputs = [getattr(data, name) for name in OUTPUTS]
        shapes = [jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)) for x in outputs]

        def on_host(*inputs: jax.Array | np.ndarray) -> list[np.ndarray]:
            arrays = [np.asarray(array) for array in inputs]
            lead = arrays[-1].shape[:-1]
            count = math.prod(lead)
            rows = [array.reshape(count, *array.shape[len(lead) :]) for array in arrays]
            results = [np.empty((count, *shape.shape), shape.dtype) for shape in shapes]

            def chunk(indices: np.ndarray) -> None:
                if not hasattr(local, "data"):
                    local.data = mujoco.MjData(model)
                for index in indices:
                    _advance_one(model, local.data, n_substeps, [row[index] for row in rows])
                    for name, result in zip(OUTPUTS, results, strict=True):
                        result[index] = np.reshape(getattr(local.data, name), result.shape[1:])

            list(pool.map(chunk, np.array_split(np.arange(count), threads)))
            return [result.reshape(*lead, *result.shape[1:]) for result in results]

        inputs = [getattr(data, name) for name in INPUTS]
        after = jax.pure_callback(on_host, shapes, *inputs, action, vmap_method="broadcast_all")
        return data.replace(ctrl=action, **dict(zip(OUTPUTS, after, strict=True)))

    return advance


def _advance_one(
    model: mujoco.MjModel, data: mujoco.MjData, substeps: int, inputs: list[np.ndarray]
) -> None:
    """One control step of one environment, in place."""
    for name, value in zip(INPUTS, inputs[:-1], strict=True):
        getattr(data, name)[:] = value
    data.ctrl[:] = inputs[-1]
    data.time = 0.0
    mujoco.mj_step(model, data, substeps)
