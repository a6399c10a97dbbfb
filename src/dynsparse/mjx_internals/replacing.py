"""Lending MJX other functions while it is traced."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import jax
from jaxtyping import Array
from mujoco.mjx._src import math


@contextmanager
def replaced(owner: Any, **others: Any) -> Iterator[None]:
    """``owner``, a module or a class, with ``others`` for what it has, inside the block."""
    shipped = {name: getattr(owner, name) for name in others}
    try:
        for name, other in others.items():
            setattr(owner, name, other)
        yield
    finally:
        for name, own in shipped.items():
            setattr(owner, name, own)


@contextmanager
def with_norm(owner: Any, norm: Callable[..., Array]) -> Iterator[None]:
    """``owner``, a module of MJX, that measures vectors by ``norm``; other modules do not.

    What is replaced in MJX's ``math`` before the block is entered holds for ``owner`` too.
    """
    with replaced(owner, math=SimpleNamespace(**{**vars(math), "norm": norm})):
        yield


def without_tangents(tree: Any) -> Any:
    """``tree`` (data, a context, an array) through which no derivative flows."""
    return jax.tree_util.tree_map(jax.lax.stop_gradient, tree)


def only_tangent(x: Array) -> Array:
    """Zero in value, ``x`` in derivative."""
    return x - jax.lax.stop_gradient(x)
