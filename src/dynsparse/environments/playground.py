"""Environments of MuJoCo Playground, the suite's and one's own, on MJX's JAX implementation."""

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Literal

from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.suite import SUITE, environment_names, own_environments

Solver = Literal["as_shipped", "converged"]

# Enough for the residual to reach rounding in every environment of the suite; the step
# then solves its constraints exactly, at the price of no longer being Playground's step.
CONVERGED_SOLVER = {"iterations": 50, "ls_iterations": 50, "tolerance": 1e-14}


def playground_environment(name: str, solver: Solver = "as_shipped") -> Any:
    """Load a Playground environment with the JAX implementation of MJX.

    Playground's default, Warp, has no derivative. The arrays take JAX's precision at the
    time of the call; see ``dynsparse.precision``.

    Args:
        name: a name in ``dynsparse.suite.environment_names()``.
        solver: the constraint solver's settings: Playground's own, or iterated to rounding.

    Raises:
        DynsparseError: there is no such environment, or one's own is not as it has to be.
    """
    make, config = _recipe(name)
    with config.unlocked():
        config.impl = "jax"
    environment = make(config=config)
    if solver == "converged":
        from mujoco import mjx

        for key, value in CONVERGED_SOLVER.items():
            setattr(environment.mj_model.opt, key, value)
        environment._mjx_model = mjx.put_model(environment.mj_model, impl="jax")
    _check_model(environment, name)
    return environment


def default_config(name: str) -> Any:
    """An environment's configuration as its author made it: times in seconds, an episode's length.

    Raises:
        DynsparseError: see ``playground_environment``.
    """
    return _recipe(name)[1]


def _recipe(name: str) -> tuple[Callable[..., Any], Any]:
    """What makes an environment from its configuration, and the configuration."""
    if name not in SUITE:
        kind, config = _own(name)
        return kind, config()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mujoco_playground import dm_control_suite
    return partial(dm_control_suite.load, name), dm_control_suite.get_default_config(name)


def _own(name: str) -> tuple[type, Callable[[], Any]]:
    """The class of an environment of one's own, and the function that makes its configuration."""
    known = own_environments()
    if name not in known:
        near = did_you_mean(name, environment_names())
        raise DynsparseError(f"environment {name!r} does not exist; {near}")
    entry = known[name]
    where = f"environment {name!r} ({entry.value})"
    try:
        kind, module = entry.load(), import_module(entry.module)
    except (ImportError, AttributeError) as error:
        raise DynsparseError(f"{where} cannot be loaded: {error}") from error
    from mujoco_playground._src.mjx_env import MjxEnv

    if not (isinstance(kind, type) and issubclass(kind, MjxEnv)):
        raise DynsparseError(f"{where} is no class that inherits Playground's MjxEnv")
    if not callable(getattr(module, "default_config", None)):
        raise DynsparseError(
            f"{where}: module {entry.module} has no function default_config; Playground's have one"
        )
    return kind, module.default_config


def _check_model(environment: Any, name: str) -> None:
    """Own environments may have kept another model than the one that is studied."""
    model, kept = environment.mj_model, environment.mjx_model
    if kept.impl.value != "jax" or int(kept.opt.iterations) != int(model.opt.iterations):
        raise DynsparseError(
            f"environment {name!r}: mjx_model has to be what mjx.put_model(mj_model,"
            " impl=config.impl) gives, kept as self._mjx_model"
        )
