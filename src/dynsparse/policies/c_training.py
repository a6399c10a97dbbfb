"""A Playground environment whose physics runs in MuJoCo's C engine, for training on a CPU.

Observations, rewards and resets are the environment's own code. Only the calls that evaluate and
advance the simulator are replaced, by the same model on the C engine, which is several times
faster on a CPU and leaves nothing of MJX to compile.
"""

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax.interpreters import partial_eval
from mujoco import mjx
from mujoco_playground import wrapper
from mujoco_playground._src import mjx_env

from dynsparse.errors import DynsparseError

# What goes to the engine; the first three come back.
INPUTS = ("qpos", "qvel", "qacc_warmstart", "mocap_pos", "mocap_quat")
STATE = INPUTS[:3]
# What comes back too where the environment reads it: all that those of the DM Control Suite read.
DERIVED = (
    *("sensordata", "xpos", "xquat", "xmat", "xipos", "ximat", "xanchor"),
    *("geom_xpos", "geom_xmat", "site_xpos", "site_xmat", "subtree_com"),
)


class EngineEnvironment(wrapper.Wrapper):
    """An environment that is simulated by the C engine.

    ``reset`` and ``step`` may be compiled and mapped over a batch: the whole batch goes to the
    engine in one call, spread over ``threads`` threads. They cannot be differentiated. A state's
    ``data`` is a mapping of the few fields that change and that the environment reads.
    """

    def __init__(self, env: Any, threads: int = 1):
        super().__init__(env)
        outputs = STATE + read_fields(env)
        self._carried = (*dict.fromkeys(INPUTS + outputs),)
        self._engine = Engine(env.mj_model, outputs, threads)
        with exchanged(self._engine.forward, self._engine.step):
            shapes = jax.eval_shape(env.reset, jax.random.PRNGKey(0))
        self._constants = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes.data)

    def reset(self, rng: jax.Array) -> Any:
        """The environment's own reset, its physics exchanged."""
        with exchanged(self._engine.forward, self._engine.step):
            return self._slim(self.env.reset(rng))

    def step(self, state: Any, action: jax.Array) -> Any:
        """The environment's own step, its physics exchanged."""
        with exchanged(self._engine.forward, self._engine.step):
            return self._slim(self.env.step(self._whole(state), action))

    def _slim(self, state: Any) -> Any:
        """A state without the fields of its data that never change."""
        return state.replace(data={name: getattr(state.data, name) for name in self._carried})

    def _whole(self, state: Any) -> Any:
        """A state as the environment itself takes it."""
        return state.replace(data=self._constants.replace(**state.data))


@contextmanager
def exchanged(forward: Callable[..., mjx.Data], step: Callable[..., mjx.Data]) -> Iterator[None]:
    """Lend environments other functions for ``mjx.forward`` and Playground's ``mjx_env.step``."""
    with patch.object(mjx, "forward", forward), patch.object(mjx_env, "step", step):
        yield


def read_fields(env: Any) -> tuple[str, ...]:
    """The fields in ``DERIVED`` that an environment's observations, rewards or resets read.

    Raises:
        DynsparseError: it reads another field that the simulation changes.
    """

    def simulated(result: mjx.Data) -> Any:
        def call(_: mjx.Model, data: mjx.Data, *_args: Any) -> mjx.Data:
            return result.replace(**{name: getattr(data, name) for name in INPUTS})

        with exchanged(call, call):
            state = env.reset(jax.random.PRNGKey(0))
            after = env.step(state, jnp.zeros(env.action_size))
        return [
            (x.obs, x.reward, x.done, [getattr(x.data, n) for n in INPUTS]) for x in (state, after)
        ]

    data = mjx.make_data(env.mj_model, impl="jax")
    jaxpr = jax.make_jaxpr(simulated)(data).jaxpr
    _, used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(data)]
    read = [path.removeprefix(".") for path, yes in zip(paths, used, strict=True) if yes]
    others = sorted(set(read) - {*INPUTS, *DERIVED})
    if others:
        raise DynsparseError(
            f"{type(env).__name__} reads {', '.join(others)} of the simulator's data, which"
            " 'engine: mujoco' does not return; train with 'engine: mjx'"
        )
    return tuple(name for name in sorted(DERIVED) if name in read)


class Engine:
    """MuJoCo's C engine behind the signatures of MJX."""

    def __init__(self, model: mujoco.MjModel, outputs: tuple[str, ...], threads: int):
        self._model = model
        self._outputs = outputs
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)
        self._local = threading.local()

    def forward(self, _: mjx.Model, data: mjx.Data) -> mjx.Data:
        """A stand-in for ``mjx.forward``; the fields in ``outputs`` are updated."""
        return self._call(data, data.ctrl, substeps=0)

    def step(
        self, _: mjx.Model, data: mjx.Data, action: jax.Array, n_substeps: int = 1
    ) -> mjx.Data:
        """A stand-in for Playground's ``mjx_env.step``: ``action`` for ``n_substeps`` steps."""
        return self._call(data, action, substeps=n_substeps)

    def _call(self, data: mjx.Data, ctrl: jax.Array, substeps: int) -> mjx.Data:
        outputs = [getattr(data, name) for name in self._outputs]
        shapes = [jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)) for x in outputs]

        def on_host(*inputs: jax.Array) -> list[np.ndarray]:
            arrays = [np.asarray(array) for array in inputs]
            lead = arrays[-1].shape[:-1]
            rows = [array.reshape(math.prod(lead), -1) for array in arrays]
            results = [np.empty((len(rows[0]), math.prod(x.shape)), x.dtype) for x in shapes]
            parts = np.array_split(np.arange(len(rows[0])), self._threads)
            list(self._pool.map(lambda part: self._run(part, substeps, rows, results), parts))
            return [r.reshape(*lead, *x.shape) for r, x in zip(results, shapes, strict=True)]

        inputs = [getattr(data, name) for name in INPUTS]
        after = jax.pure_callback(on_host, shapes, *inputs, ctrl, vmap_method="broadcast_all")
        return data.replace(ctrl=ctrl, **dict(zip(self._outputs, after, strict=True)))

    def _run(
        self,
        indices: np.ndarray,
        substeps: int,
        inputs: list[np.ndarray],
        outputs: list[np.ndarray],
    ) -> None:
        """Some environments of a batch, one after the other, in this thread's own data."""
        data, sources, sinks = self._views()
        copies_in = list(zip(sources, inputs, strict=True))
        copies_out = list(zip(outputs, sinks, strict=True))
        for index in indices:
            for view, rows in copies_in:
                view[:] = rows[index]
            data.time = 0.0
            if substeps:
                mujoco.mj_step(self._model, data, substeps)
            else:
                mujoco.mj_forward(self._model, data)
            for rows, view in copies_out:
                rows[index] = view

    def _views(self) -> tuple[mujoco.MjData, list[np.ndarray], list[np.ndarray]]:
        """This thread's data, with flat views of what is written and what is read."""
        if not hasattr(self._local, "views"):
            data = mujoco.MjData(self._model)
            sources = [getattr(data, name).reshape(-1) for name in (*INPUTS, "ctrl")]
            sinks = [getattr(data, name).reshape(-1) for name in self._outputs]
            self._local.views = data, sources, sinks
        return self._local.views
