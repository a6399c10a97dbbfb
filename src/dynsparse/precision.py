"""Floating-point precision, as a context rather than a global switch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

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
