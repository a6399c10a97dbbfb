"""Environments of MuJoCo Playground, the suite's and one's own, on MJX's JAX implementation."""

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Literal

import numpy as np

from dynsparse.environments.left_out import refusal, refuse_left_out
from dynsparse.errors import DynsparseError
from dynsparse.precision import current_precision, precision
from dynsparse.suite import DM_CONTROL_SUITE, own_environment, suite_of

Solver = Literal["as_shipped", "converged"]

# Enough for the residual to reach rounding in every environment of the suite; the step
# then solves its constraints exactly, at the price of no longer being Playground's step.
CONVERGED_SOLVER = {"iterations": 50, "ls_iterations": 50, "tolerance": 1e-14}
# How many contacts, and pairs of geoms of one kind, MJX looks at; numbers in a model's file.
CONTACT_LIMITS = ("max_contact_points", "max_geom_pairs")


def playground_environment(name: str, solver: Solver = "as_shipped") -> Any:
    """Load a Playground environment with the JAX implementation of MJX.

    Playground's default, Warp, has no derivative. The arrays take JAX's precision at the
    time of the call, in which it has to be used; ``dynsparse.environments.load`` carries its own.

    Args:
        name: a name in ``dynsparse.suite.environment_names()``.
        solver: the constraint solver's settings: Playground's own, or iterated to rounding.

    Raises:
        DynsparseError: there is no such environment, its model uses what MJX leaves out, or one's
            own is not as it has to be.
    """
    with precision(current_precision()):
        make, config = _recipe(name)
        with config.unlocked():
            config.impl = "jax"
        environment = _made(make, config, name)
        refuse_left_out(name, environment.mj_model)
        foreign = suite_of(name) is not DM_CONTROL_SUITE
        if foreign:
            _check_model(environment, name)
        if solver == "converged":
            _converge(environment)
            if foreign:
                _check_model(environment, name)
    return environment


def _made(make: Callable[..., Any], config: Any, name: str) -> Any:
    try:
        return make(config=config)
    except NotImplementedError as error:
        # What MJX itself refuses, such as an integrator.
        raise DynsparseError(refusal(name, str(error))) from error


def _converge(environment: Any) -> None:
    from mujoco import mjx

    for key, value in CONVERGED_SOLVER.items():
        setattr(environment.mj_model.opt, key, value)
    _lift_contact_limits(environment.mj_model)
    environment._mjx_model = mjx.put_model(environment.mj_model, impl="jax")


def _lift_contact_limits(model: Any) -> None:
    """Let MJX keep all contacts, as MuJoCo's C engine does, which does not know these limits."""
    for index in range(model.nnumeric):
        if model.numeric(index).name in CONTACT_LIMITS:
            model.numeric(index).data[:] = -1


def default_config(name: str) -> Any:
    """An environment's configuration as its author made it: times in seconds, an episode's length.

    Raises:
        DynsparseError: see ``playground_environment``.
    """
    return _recipe(name)[1]


def observation_size(environment: Any, name: str) -> int:
    """How many numbers an observation has.

    Raises:
        DynsparseError: it is no row of numbers, of which policies here know nothing.
    """
    import jax

    with precision(current_precision()):
        seen = jax.eval_shape(environment.reset, jax.random.PRNGKey(0)).obs
    if not isinstance(seen, jax.ShapeDtypeStruct) or len(seen.shape) != 1:
        raise DynsparseError(
            f"environment {name!r}: a policy takes observations that are one row of numbers, not a"
            " mapping, a picture or nothing; use the behaviour random"
        )
    return int(seen.shape[0])


def _recipe(name: str) -> tuple[Callable[..., Any], Any]:
    """What makes an environment from its configuration, and the configuration."""
    suite = suite_of(name)
    if suite.dynamics != "mjx":
        raise DynsparseError(f"environment {name!r} is simulated by MuJoCo's C engine, not by MJX")
    return suite.load(name)


def suite_recipe(name: str) -> tuple[Callable[..., Any], Any]:
    """An environment of Playground's DM Control Suite, and its configuration."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mujoco_playground import dm_control_suite
    return partial(dm_control_suite.load, name), dm_control_suite.get_default_config(name)


def gymnasium_recipe(name: str) -> tuple[Callable[..., Any], Any]:
    """One of Gymnasium's tasks, and its configuration.

    Raises:
        DynsparseError: Gymnasium, which has its model, is not there.
    """
    from dynsparse.environments import gymnasium_v5

    return gymnasium_v5.recipe(name)


def own_recipe(name: str) -> tuple[Callable[..., Any], Any]:
    """The class of an environment of one's own, and its configuration.

    Raises:
        DynsparseError: there is none of this name, or it is not as it has to be.
    """
    from ml_collections import ConfigDict
    from mujoco_playground._src.mjx_env import MjxEnv

    entry = own_environment(name)
    where = f"environment {name!r} ({entry.value})"
    try:
        module = import_module(entry.module)
    except ImportError as error:
        raise DynsparseError(f"{where} cannot be imported: {error}") from error
    kind, make_config = getattr(module, entry.attr, None), getattr(module, "default_config", None)
    if not (isinstance(kind, type) and issubclass(kind, MjxEnv)):
        raise DynsparseError(f"{where} is no class that inherits Playground's MjxEnv")
    config: Any = make_config() if callable(make_config) else None
    if type(config) is not ConfigDict or not {"ctrl_dt", "sim_dt", "episode_length"} <= set(config):
        raise DynsparseError(
            f"{where}: module {entry.module} has no function default_config that gives a ConfigDict"
            " with ctrl_dt, sim_dt and episode_length"
        )
    return kind, config


def _check_model(environment: Any, name: str) -> None:
    """MJX and the C engine have to step the same model, of which either is used where it fits."""
    import jax
    from mujoco import mjx

    models = environment.mjx_model, mjx.put_model(environment.mj_model, impl="jax")
    trees: list[Any] = [jax.tree.structure(model) for model in models]
    values = [jax.tree.leaves(model) for model in models]
    if trees[0] != trees[1] or not all(map(np.array_equal, *values)):
        raise DynsparseError(
            f"environment {name!r}: mjx_model has to be what mjx.put_model(mj_model,"
            " impl=config.impl) gives at the end of the constructor, kept as self._mjx_model"
        )
