"""Gymnasium's MuJoCo tasks, version 5, as environments like Playground's: on MJX.

A model is the one that Gymnasium's package brings, with its frame skip, integrator and solver. Each
of the functions below says what the module of the same task in ``gymnasium/envs/mujoco`` says, with
the arguments' defaults put in; ``tests/simulator/test_gymnasium_v5.py`` holds them against it.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import mujoco
from jaxtyping import Array, Bool, Float
from ml_collections import ConfigDict
from mujoco import mjx
from mujoco_playground._src import mjx_env

from dynsparse.environments.gymnasium_starts import (
    Start,
    pusher_start,
    reacher_start,
    uniform_and_normal,
    uniform_start,
)
from dynsparse.errors import DynsparseError

Scalar = Float[Array, ""]
Vector = Float[Array, " n"]


class Moved(NamedTuple):
    """A control step: the data before and after it, the controls, and its seconds.

    As in Gymnasium, positions of bodies are those of the last evaluation of the dynamics, which
    qpos and qvel have left behind.
    """

    model: mjx.Model
    before: mjx.Data
    after: mjx.Data
    action: Float[Array, " action"]
    dt_s: float

    def speed(self, where: Callable[[mjx.Data], Scalar]) -> Scalar:
        """How fast a coordinate changed, in metres a second."""
        return (where(self.after) - where(self.before)) / self.dt_s

    def effort(self) -> Scalar:
        """The sum of squared controls."""
        return self.action @ self.action

    def distance(self, one: str, other: str) -> Scalar:
        """Metres from one body to another."""
        place = {body: self.after.xpos[_body(self.model, body)] for body in (one, other)}
        return jnp.linalg.norm(place[one] - place[other])


class Task(NamedTuple):
    """One of Gymnasium's tasks.

    Attributes:
        xml: the file of its model.
        frame_skip: simulator steps in a control step.
        episode_length: control steps after which Gymnasium ends an episode.
        start: positions and velocities at the start of an episode, of the model and a key.
        observe: what a policy sees.
        judge: the reward of a control step, and whether it ends the episode.
        contact_forces: whether forces of contacts on bodies (cfrc_ext) are asked for.
    """

    xml: str
    frame_skip: int
    episode_length: int
    start: Start
    observe: Callable[[mjx.Model, mjx.Data], Vector]
    judge: Callable[[Moved], tuple[Scalar, Bool[Array, ""]]]
    contact_forces: bool = False


class GymnasiumEnv(mjx_env.MjxEnv):
    """A task on MJX: an action is the controls, as they are in Gymnasium."""

    def __init__(self, task: Task, config: ConfigDict) -> None:
        super().__init__(config)
        self._task = task
        self._mj_model = model_of(task)
        self._mjx_model = mjx.put_model(self._mj_model, impl=config.impl)

    def reset(self, rng: jax.Array) -> mjx_env.State:
        """An episode's start, with Gymnasium's noise."""
        qpos, qvel = self._task.start(self._mjx_model, rng)
        data = mjx.make_data(self._mj_model, impl=self._config.impl)
        data = mjx.forward(self._mjx_model, data.replace(qpos=qpos, qvel=qvel))
        zero = jnp.zeros(())
        return mjx_env.State(data, self._task.observe(self._mjx_model, data), zero, zero, {}, {})

    def step(self, state: mjx_env.State, action: jax.Array) -> mjx_env.State:
        """A control step, which goes on after an episode's end."""
        data = mjx_env.step(self._mjx_model, state.data, action, self.n_substeps)
        if self._task.contact_forces:
            forces = mjx.rne_postconstraint(self._mjx_model, data)._impl.cfrc_ext
            data = data.tree_replace({"_impl.cfrc_ext": forces})
        moved = Moved(self._mjx_model, state.data, data, action, self.dt)
        reward, ended = self._task.judge(moved)
        observed = self._task.observe(self._mjx_model, data)
        return state.replace(data=data, obs=observed, reward=reward, done=ended.astype(float))

    @property
    def xml_path(self) -> str:
        """Where Gymnasium's package has the model."""
        return str(assets() / self._task.xml)

    @property
    def action_size(self) -> int:
        """Number of controls."""
        return int(self._mj_model.nu)

    @property
    def mj_model(self) -> mujoco.MjModel:
        """The model of MuJoCo's C engine."""
        return self._mj_model

    @property
    def mjx_model(self) -> mjx.Model:
        """The same model of MJX."""
        return self._mjx_model


def recipe(name: str) -> tuple[Callable[..., GymnasiumEnv], ConfigDict]:
    """What makes a task from its configuration, and the configuration.

    Args:
        name: one of ``dynsparse.suite.GYMNASIUM``.

    Raises:
        DynsparseError: Gymnasium is not installed.
    """
    task = TASKS[name]
    timestep = float(model_of(task).opt.timestep)
    config = ConfigDict(
        {
            "ctrl_dt": task.frame_skip * timestep,
            "sim_dt": timestep,
            "episode_length": task.episode_length,
            "impl": "jax",
        }
    )
    return partial(GymnasiumEnv, task), config


def model_of(task: Task) -> mujoco.MjModel:
    """Gymnasium's model; with Newton's solver where it asks for PGS, which MJX does not have.

    Both look for the same optimum. The XML's iterations and tolerance hold for either.
    """
    model = mujoco.MjModel.from_xml_path(str(assets() / task.xml))
    if model.opt.solver == mujoco.mjtSolver.mjSOL_PGS:
        model.opt.solver = mujoco.mjtSolver.mjSOL_NEWTON
    return model


def assets() -> Path:
    """The folder of models in Gymnasium's package, of which nothing is imported.

    Raises:
        DynsparseError: it is not installed.
    """
    spec = find_spec("gymnasium")
    if spec is None or not spec.submodule_search_locations:
        raise DynsparseError(
            "environments of Gymnasium (AntV5 and so on) take their models from its package, which"
            " is not installed: pip install gymnasium"
        )
    return Path(spec.submodule_search_locations[0]) / "envs" / "mujoco" / "assets"


def _body(model: mjx.Model, name: str) -> int:
    return int(mjx.name2id(model, mujoco.mjtObj.mjOBJ_BODY, name))


def _state(skipped: int, model: mjx.Model, data: mjx.Data) -> Vector:
    """Positions but the first few, and velocities."""
    return jnp.concatenate([data.qpos[skipped:], data.qvel])


def _slow_state(model: mjx.Model, data: mjx.Data) -> Vector:
    return jnp.concatenate([data.qpos[1:], jnp.clip(data.qvel, -10, 10)])


def _ant_seen(model: mjx.Model, data: mjx.Data) -> Vector:
    return jnp.concatenate([_state(2, model, data), _clipped_forces(data)[1:].ravel()])


def _clipped_forces(data: mjx.Data) -> Float[Array, "bodies 6"]:
    return jnp.clip(data._impl.cfrc_ext, -1, 1)


def _humanoid_seen(model: mjx.Model, data: mjx.Data) -> Vector:
    inertia, forces = data._impl.cinert[1:], data._impl.cfrc_ext[1:]
    seen = (_state(2, model, data), inertia, data.cvel[1:], data.qfrc_actuator[6:], forces)
    return jnp.concatenate([part.ravel() for part in seen])


def _double_pendulum_seen(model: mjx.Model, data: mjx.Data) -> Vector:
    angles = data.qpos[1:]
    force = jnp.clip(data.qfrc_constraint[:1], -10, 10)
    speeds = jnp.clip(data.qvel, -10, 10)
    return jnp.concatenate([data.qpos[:1], jnp.sin(angles), jnp.cos(angles), speeds, force])


def _reacher_seen(model: mjx.Model, data: mjx.Data) -> Vector:
    arm = data.qpos[:2]
    away = data.xpos[_body(model, "fingertip")] - data.xpos[_body(model, "target")]
    return jnp.concatenate([jnp.cos(arm), jnp.sin(arm), data.qpos[2:], data.qvel[:2], away[:2]])


def _pusher_seen(model: mjx.Model, data: mjx.Data) -> Vector:
    bodies = [data.xpos[_body(model, name)] for name in ("tips_arm", "object", "goal")]
    return jnp.concatenate([data.qpos[:7], data.qvel[:7], *bodies])


def _never() -> Bool[Array, ""]:
    return jnp.zeros((), bool)


def _first(data: mjx.Data) -> Scalar:
    return data.qpos[0]


def _runs(cost: float, moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    """HalfCheetah and Swimmer: speed, less effort."""
    return moved.speed(_first) - cost * moved.effort(), _never()


def _hopper(moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    data = moved.after
    bounded = (jnp.abs(jnp.concatenate([data.qpos[2:], data.qvel])) < 100).all()
    healthy = bounded & (data.qpos[1] > 0.7) & (jnp.abs(data.qpos[2]) < 0.2)
    return moved.speed(_first) + healthy - 1e-3 * moved.effort(), ~healthy


def _walker(moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    height, angle = moved.after.qpos[1:3]
    healthy = (height > 0.8) & (height < 2.0) & (jnp.abs(angle) < 1.0)
    return moved.speed(_first) + healthy - 1e-3 * moved.effort(), ~healthy


def _ant(moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    data = moved.after
    height = data.qpos[2]
    finite = jnp.isfinite(jnp.concatenate([data.qpos, data.qvel])).all()
    healthy = finite & (height >= 0.2) & (height <= 1.0)
    contact = 5e-4 * jnp.sum(_clipped_forces(data) ** 2)
    speed = moved.speed(lambda data: data.xpos[1, 0])
    return speed + healthy - 0.5 * moved.effort() - contact, ~healthy


def _impact(data: mjx.Data) -> Scalar:
    return jnp.minimum(5e-7 * jnp.sum(data._impl.cfrc_ext**2), 10)


def _humanoid(moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    mass, height = moved.model.body_mass, moved.after.qpos[2]
    healthy = (height > 1.0) & (height < 2.0)
    speed = moved.speed(lambda data: mass @ data.xipos[:, 0] / mass.sum())
    costs = 0.1 * moved.effort() + _impact(moved.after)
    return 1.25 * speed + 5.0 * healthy - costs, ~healthy


def _standup(moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    upwards = moved.after.qpos[2] / moved.model.opt.timestep
    return upwards - 0.1 * moved.effort() - _impact(moved.after) + 1, _never()


def _pendulum(moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    seen = _state(0, moved.model, moved.after)
    fallen = ~jnp.isfinite(seen).all() | (jnp.abs(seen[1]) > 0.2)
    return (~fallen).astype(seen.dtype), fallen


def _double_pendulum(moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    x, _, y = moved.after.site_xpos[0]
    first, second = moved.after.qvel[1:3]
    fallen = y <= 1
    penalties = 0.01 * x**2 + (y - 2) ** 2 + 1e-3 * first**2 + 5e-3 * second**2
    return 10.0 * ~fallen - penalties, fallen


def _reacher(moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    return -moved.distance("fingertip", "target") - moved.effort(), _never()


def _pusher(moved: Moved) -> tuple[Scalar, Bool[Array, ""]]:
    near, away = moved.distance("object", "tips_arm"), moved.distance("object", "goal")
    return -away - 0.1 * moved.effort() - 0.5 * near, _never()


TASKS = {
    "AntV5": Task("ant.xml", 5, 1000, uniform_and_normal(0.1), _ant_seen, _ant, True),
    "HalfCheetahV5": Task(
        *("half_cheetah.xml", 5, 1000, uniform_and_normal(0.1)),
        *(partial(_state, 1), partial(_runs, 0.1)),
    ),
    "HopperV5": Task("hopper.xml", 4, 1000, uniform_start(5e-3), _slow_state, _hopper),
    "HumanoidV5": Task(
        "humanoid.xml", 5, 1000, uniform_start(0.01), _humanoid_seen, _humanoid, True
    ),
    "HumanoidStandupV5": Task(
        "humanoidstandup.xml", 5, 1000, uniform_start(0.01), _humanoid_seen, _standup, True
    ),
    "InvertedDoublePendulumV5": Task(
        *("inverted_double_pendulum.xml", 5, 1000, uniform_and_normal(0.1)),
        *(_double_pendulum_seen, _double_pendulum),
    ),
    "InvertedPendulumV5": Task(
        "inverted_pendulum.xml", 2, 1000, uniform_start(0.01), partial(_state, 0), _pendulum
    ),
    "PusherV5": Task("pusher_v5.xml", 5, 100, pusher_start, _pusher_seen, _pusher),
    "ReacherV5": Task("reacher.xml", 2, 50, reacher_start, _reacher_seen, _reacher),
    "SwimmerV5": Task(
        "swimmer.xml", 4, 1000, uniform_start(0.1), partial(_state, 2), partial(_runs, 1e-4)
    ),
    "Walker2dV5": Task("walker2d_v5.xml", 4, 1000, uniform_start(5e-3), _slow_state, _walker),
}
