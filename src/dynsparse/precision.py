"""Floating-point precision, as a context rather than a global switch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import jax

Precision = Literal["float32", "float64"]


@contextmanager
def precision(dtype: Precision) -> Iterator[None]:
    """Run JAX in ``dtype`` inside the block, with full-precision matrix products.

    Products default to TF32 on recent GPUs, which would put rounding where the true derivative
    is zero; hence ``highest``.
    """
    with jax.enable_x64(dtype == "float64"), jax.default_matmul_precision("highest"):
        yield


def in_this_precision(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` for other threads, which do not inherit the precision of the one that asks."""
    # JAX adds these attributes as it is imported, out of a type checker's sight.
    wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]
    products = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]

    def inherited(*arguments: Any) -> Any:
        with jax.enable_x64(wide), jax.default_matmul_precision(products):
            return function(*arguments)

    return inherited
