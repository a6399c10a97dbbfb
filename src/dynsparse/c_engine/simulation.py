"""Simulations by name: what steps through MuJoCo's Python bindings, whoever wrote it."""

from collections.abc import Callable
from importlib import import_module
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import mujoco
import numpy as np
from jaxtyping import Float

from dynsparse.errors import DynsparseError
from dynsparse.suite import mjcf_file, mjcf_steps

# How far positions are from the model's own at the start of an episode of a bare model, in m and
# rad: enough for episodes to differ, too little to bring bodies into each other.
START_SPREAD = 0.01


class Outcome(NamedTuple):
    """What an environment says of a control step."""

    reward: float
    terminated: bool


@runtime_checkable
class Simulation(Protocol):
    """An environment under random actions; its steps go through ``mujoco.mj_step``."""

    def reset(self, seed: int) -> None:
        """Begin an episode, in which all randomness comes from ``seed``."""

    def step(self, rng: np.random.Generator) -> Outcome:
        """One control step under an action drawn from ``rng``."""


class Bare:
    """A model without an environment around it: controls are drawn, and nothing is rewarded."""

    def __init__(self, model: mujoco.MjModel, substeps: int = 1) -> None:
        """Take a model, and how many of its steps a control is held."""
        self.model, self.data, self.substeps = model, mujoco.MjData(model), substeps
        self._bounds = control_range(model)

    def reset(self, seed: int) -> None:
        """The first keyframe where there is one, else the model's own pose; moved a little."""
        if self.model.nkey:
            mujoco.mj_resetDataKeyframe(self.model, self.data, 0)
        else:
            mujoco.mj_resetData(self.model, self.data)
        spread = np.random.default_rng(seed).uniform(-START_SPREAD, START_SPREAD, self.model.nv)
        mujoco.mj_integratePos(self.model, self.data.qpos, spread, 1.0)

    def step(self, rng: np.random.Generator) -> Outcome:
        """Controls uniform in their range, in [-1, 1] where they have none."""
        self.data.ctrl[:] = rng.uniform(*self._bounds)
        mujoco.mj_step(self.model, self.data, nstep=self.substeps)
        return Outcome(0.0, False)


def control_range(
    model: mujoco.MjModel,
) -> tuple[Float[np.ndarray, " action"], Float[np.ndarray, " action"]]:
    """The controls' bounds; -1 and 1 where there are none."""
    limited = np.asarray(model.actuator_ctrllimited, bool)
    low = np.where(limited, model.actuator_ctrlrange[:, 0], -1.0)
    return low, np.where(limited, model.actuator_ctrlrange[:, 1], 1.0)


class Gymnasium:
    """An environment with Gymnasium's ``reset(seed=)`` and ``step(action)``."""

    def __init__(self, env: Any, name: str) -> None:
        """Take an environment whose actions are a box.

        Raises:
            DynsparseError: they are not.
        """
        space = env.action_space
        if not hasattr(space, "low"):
            raise DynsparseError(f"environment {name!r}: its actions are {space}, not a box")
        self._env, self._dtype = env, space.dtype
        self._bounds = finite_bounds(space.low, space.high)

    def reset(self, seed: int) -> None:
        """Reset by Gymnasium's seed."""
        self._env.reset(seed=seed)

    def step(self, rng: np.random.Generator) -> Outcome:
        """An action uniform in the box, in [-1, 1] where it is open."""
        action = rng.uniform(*self._bounds).astype(self._dtype)
        _, reward, terminated, *_ = self._env.step(action)
        return Outcome(float(reward), bool(terminated))


class DmControl:
    """An environment of dm_control: made anew for each seed, since its ``reset`` takes none."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        """Take what makes the environment from a seed."""
        self._make = make

    def reset(self, seed: int) -> None:
        """Make the environment, and begin."""
        self._env = self._make(seed)
        spec = self._env.action_spec()
        self._bounds = finite_bounds(
            np.broadcast_to(spec.minimum, spec.shape), np.broadcast_to(spec.maximum, spec.shape)
        )
        self._env.reset()

    def step(self, rng: np.random.Generator) -> Outcome:
        """An action uniform in its specification, in [-1, 1] where that is open."""
        found = self._env.step(rng.uniform(*self._bounds))
        return Outcome(float(found.reward or 0.0), bool(found.last()))


class MetaWorld:
    """A task of Meta-World: made anew for each seed, from which its goal is drawn."""

    def __init__(self, make: Callable[..., Any], name: str) -> None:
        """Take what makes the task, given ``seed=``."""
        self._make, self._name = make, name

    def reset(self, seed: int) -> None:
        """Make the task, and begin."""
        env = self._make(seed=seed)
        env.max_path_length = inf  # steps beyond it are refused
        self._episode = Gymnasium(env, self._name)
        self._episode.reset(seed)

    def step(self, rng: np.random.Generator) -> Outcome:
        """An action uniform in the box."""
        return self._episode.step(rng)


def finite_bounds(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds as float64; -1 and 1 where there are none."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    return np.where(np.isfinite(low), low, -1.0), np.where(np.isfinite(high), high, 1.0)


def mjcf(name: str) -> Simulation:
    """``mjcf:<file>``, or ``mjcf:<steps>:<file>`` with simulator steps per control step.

    Raises:
        DynsparseError: MuJoCo cannot load the file, the model has no actuators or no joints, or
            it is no such number of steps.
    """
    path = mjcf_file(name)
    if not path:
        raise DynsparseError(f"environment {name!r}: mjcf:<file> or mjcf:<steps>:<file> is needed")
    steps = mjcf_steps(name)
    try:
        there = Path(path).is_file()
    except OSError:  # a name that is too long for the system
        there = False
    if not there:
        raise DynsparseError(f"{path}: no such file")
    try:
        model = mujoco.MjModel.from_xml_path(path)
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DynsparseError(f"{path}: MuJoCo cannot load it: {reason}") from None
    if not model.nu:
        raise DynsparseError(f"{path}: the model has no actuators")
    if not model.nv:
        raise DynsparseError(f"{path}: the model has no joints: nothing in it moves")
    return Bare(model, steps)


def gymnasium(name: str) -> Simulation:
    """``gymnasium:<id>``, such as ``gymnasium:HalfCheetah-v5``.

    Raises:
        DynsparseError: Gymnasium is not there, or does not make it.
    """
    package = _imported("gymnasium", name)
    try:
        env = package.make(_after_colon(name), disable_env_checker=True)
    except Exception as error:
        raise _not_made(name, error) from error
    # What Gymnasium wraps around it counts steps and refuses those after an episode's end.
    return Gymnasium(env.unwrapped, name)


def dm_control(name: str) -> Simulation:
    """``dm_control:<domain>-<task>`` of dm_control's own suite, such as ``dm_control:dog-walk``.

    Raises:
        DynsparseError: dm_control is not there, or does not make it.
    """
    suite = _imported("dm_control.suite", name)
    domain, _, task = _after_colon(name).partition("-")

    def make(seed: int) -> Any:
        try:
            return suite.load(domain, task, task_kwargs={"random": seed, "time_limit": inf})
        except Exception as error:
            raise _not_made(name, error) from error

    return DmControl(make)


def metaworld(name: str) -> Simulation:
    """``metaworld:<task>``, such as ``metaworld:door-open-v3``.

    Raises:
        DynsparseError: Meta-World is not there, or does not make it.
    """
    package = _imported("metaworld.env_dict", name)
    makers = package.ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE
    task = f"{_after_colon(name)}-goal-observable"
    if task not in makers:
        raise DynsparseError(f"environment {name!r}: Meta-World has no such task")
    return MetaWorld(makers[task], name)


def myosuite(name: str) -> Simulation:
    """``myosuite:<id>``, such as ``myosuite:myoElbowPose1D6MRandom-v0``.

    Raises:
        DynsparseError: MyoSuite is not there, or does not make it.
    """
    _imported("myosuite", name)  # which registers its environments
    return gymnasium(name)


def callable_environment(name: str) -> Simulation:
    """``callable:<module>:<function>``: a function that gives an environment like Gymnasium's.

    Raises:
        DynsparseError: there is none, or it gives something else.
    """
    module, _, function = _after_colon(name).partition(":")
    make = getattr(_imported(module, name), function, None)
    if not callable(make):
        raise DynsparseError(f"environment {name!r}: module {module!r} has no {function!r}")
    try:
        env = make()
    except Exception as error:
        raise _not_made(name, error) from error
    if not all(hasattr(env, part) for part in ("reset", "step", "action_space")):
        raise DynsparseError(
            f"environment {name!r}: {function} has to give an environment with action_space,"
            " reset(seed=) and step(action), as Gymnasium's have"
        )
    return Gymnasium(env, name)


def _after_colon(name: str) -> str:
    return name.partition(":")[2]


def _imported(module: str, name: str) -> Any:
    try:
        return import_module(module)
    except (ImportError, ValueError) as error:
        raise DynsparseError(
            f"environment {name!r}: {module!r} cannot be imported: {error}"
        ) from None


def _not_made(name: str, error: Exception) -> DynsparseError:
    return DynsparseError(f"environment {name!r}: {' '.join(str(error).split())}")
