"""MuJoCo Playground's DM Control Suite, on MJX's JAX implementation."""

import warnings
from typing import Any, Literal

from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.suite import SUITE

Solver = Literal["as_shipped", "converged"]

# Enough for the residual to reach rounding in every environment of the suite; the step
# then solves its constraints exactly, at the price of no longer being Playground's step.
CONVERGED_SOLVER = {"iterations": 50, "ls_iterations": 50, "tolerance": 1e-14}


def playground_environment(name: str, solver: Solver = "as_shipped") -> Any:
    """Load a Playground environment with the JAX implementation of MJX.

    Playground's default, Warp, has no derivative. The arrays take JAX's precision at the
    time of the call; see ``dynsparse.precision``.

    Args:
        name: a name in ``dynsparse.suite.SUITE``.
        solver: the constraint solver's settings: Playground's own, or iterated to rounding.

    Raises:
        DynsparseError: the suite has no such environment.
    """
    if name not in SUITE:
        raise DynsparseError(f"environment {name!r} does not exist; {did_you_mean(name, SUITE)}")
    suite = _suite()
    config = suite.get_default_config(name)
    config.impl = "jax"
    environment = suite.load(name, config=config)
    if solver == "converged":
        from mujoco import mjx

        for key, value in CONVERGED_SOLVER.items():
            setattr(environment.mj_model.opt, key, value)
        environment._mjx_model = mjx.put_model(environment.mj_model, impl="jax")
    return environment


def _suite() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mujoco_playground import dm_control_suite
    return dm_control_suite
