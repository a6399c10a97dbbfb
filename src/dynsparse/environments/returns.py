"""What ``reset`` and ``step`` of an environment of one's own have to hand back."""

from typing import Any

import jax
import jax.numpy as jnp

from dynsparse.errors import DynsparseError


def check_returns(name: str, environment: Any) -> None:
    """Trace ``reset`` and ``step``, and look at what they hand back; nothing is compiled.

    Raises:
        DynsparseError: reward or done is no single number, a step hands back other fields or
            shapes than a reset, or there is another number of actions than of actuators.
    """
    where, actuators = f"environment {name!r}", int(environment.mj_model.nu)
    if int(environment.action_size) != actuators:
        raise DynsparseError(
            f"{where}: its action_size is {int(environment.action_size)}, its model has"
            f" {actuators} actuators; each actuator needs an action of its own"
        )
    begun = jax.eval_shape(environment.reset, jax.random.PRNGKey(0))
    _check_numbers(f"{where}: reset", begun)
    stepped = jax.eval_shape(environment.step, begun, jnp.zeros(actuators))
    _check_numbers(f"{where}: step", stepped)
    before, after = _shapes(begun), _shapes(stepped)
    for path in [*before, *after]:
        if before.get(path) != after.get(path):
            raise DynsparseError(
                f"{where}: {path} is {_told(before.get(path))} after reset and"
                f" {_told(after.get(path))} after step; both have to hand back the same fields"
            )


def _check_numbers(where: str, state: Any) -> None:
    for field in ("reward", "done"):
        shape = jnp.shape(getattr(state, field))
        if shape:
            raise DynsparseError(f"{where}: {field} has shape {shape}, a single number is needed")


def _shapes(state: Any) -> dict[str, tuple[int, ...]]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path).lstrip("."): jnp.shape(leaf) for path, leaf in leaves}


def _told(shape: tuple[int, ...] | None) -> str:
    return "not there" if shape is None else f"of shape {shape}"
