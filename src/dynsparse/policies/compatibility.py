"""Brax on a JAX that is newer than it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp

_NAME = "device_put_replicated"
# The axis of Brax's pmaps: with another name, its training loop would be compiled twice.
_AXIS = "i"


@contextmanager
def brax_on_this_jax() -> Iterator[None]:
    """Lend JAX its ``device_put_replicated`` back while Brax's PPO runs.

    JAX 0.10 removed the function; Brax 0.14.2 calls it once, when training starts. Nothing is
    changed where JAX still has it, nor after the block.
    """
    if hasattr(jax, _NAME):
        yield
        return
    setattr(jax, _NAME, device_put_replicated)
    try:
        yield
    finally:
        delattr(jax, _NAME)


def device_put_replicated(tree: Any, devices: Sequence[jax.Device]) -> Any:
    """Copy each array to every device, along a new first axis as ``jax.pmap`` expects it."""
    mesh = jax.sharding.Mesh(devices, (_AXIS,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(_AXIS))

    def put(array: Any) -> jax.Array:
        array = jnp.asarray(array)
        return jax.device_put(jnp.broadcast_to(array, (len(devices), *array.shape)), sharding)

    return jax.tree.map(put, tree)
