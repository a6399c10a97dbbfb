"""Floating-point precision and all else that decides numbers in JAX, as a context.

Nothing here is global: another program's settings, the shell's included, are back in force behind
the block, and inside it they decide nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

import jax

from dynsparse.errors import DynsparseError

Precision = Literal["float32", "float64"]
P = ParamSpec("P")
R = TypeVar("R")

# What JAX reads from variables of the shell (JAX_NUMPY_RANK_PROMOTION and so on) and lets a
# program set for a while: how this project needs it, which is JAX's own default but for products.
# Those default to TF32 on recent GPUs, which would put rounding where the derivative is zero.
SETTINGS: dict[str, Any] = {
    "default_matmul_precision": "highest",
    "default_prng_impl": "threefry2x32",
    "threefry_partitionable": True,
    "enable_custom_prng": False,
    "legacy_prng_key": "allow",
    "debug_key_reuse": False,
    "numpy_rank_promotion": "allow",
    "numpy_dtype_promotion": "standard",
    "softmax_custom_jvp": False,
    "allow_f16_reductions": True,
    "disable_jit": False,
    "no_tracing": False,
    "no_execution": False,
    "debug_nans": False,
    "debug_infs": False,
    "check_tracer_leaks": False,
    "enable_checks": False,
    "transfer_guard": "allow",
}
# What also decides numbers, or how they are compiled, but for the whole process alone: refused
# unless it is JAX's own default.
DEFAULTS: dict[str, Any] = {
    "jax_random_seed_offset": 0,
    "jax_disable_most_optimizations": False,
    "jax_optimization_level": "UNKNOWN",
    "jax_exec_time_optimization_effort": 0.0,
    "jax_memory_fitting_effort": 0.0,
    "jax_memory_fitting_level": "O2",
    "jax_compiler_enable_remat_pass": True,
    "jax_use_direct_linearize": True,
    "jax_default_dtype_bits": "_default",
    "jax_high_dynamic_range_gumbel": False,
}
# XLA's flags that change no number: where it writes and looks, how many devices and threads.
HARMLESS = (
    "--xla_dump_",
    "--xla_force_host_platform_device_count=",
    "--xla_gpu_cuda_data_dir=",
    "--xla_gpu_deterministic_ops=true",
    "--xla_gpu_force_compilation_parallelism=",
    "--xla_cpu_parallel_codegen_split_count=",
    "intra_op_parallelism_threads=",
)
_COMPILER = ("XLA_FLAGS", "LIBTPU_INIT_ARGS")


@contextmanager
def precision(dtype: Precision) -> Iterator[None]:
    """Run JAX in ``dtype`` inside the block, and otherwise by ``SETTINGS``, whatever else is set.

    Raises:
        DynsparseError: see ``check_settings``; or JAX finds no device.
    """
    check_settings()
    _check_device()
    with ExitStack() as stack:
        stack.enter_context(jax.enable_x64(dtype == "float64"))
        for name, value in SETTINGS.items():
            stack.enter_context(getattr(jax, name)(value))
        yield


def check_settings() -> None:
    """Refuse what decides numbers in this process and cannot be set for a while.

    Raises:
        DynsparseError: names the setting, or the flag of XLA.
    """
    for name, value in DEFAULTS.items():
        if jax.config.values[name] != value:
            raise DynsparseError(
                f"{name.upper()}={jax.config.values[name]!s}: this setting of JAX would decide"
                " numbers; unset it"
            )
    for variable in _COMPILER:
        for flag in os.environ.get(variable, "").split():
            if not flag.startswith(HARMLESS):
                raise DynsparseError(
                    f"{variable} has {flag}, which may change numbers, and which dynsparse does not"
                    " know to be harmless; take it out"
                )


def _check_device() -> None:
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        wanted = os.environ.get("JAX_PLATFORMS") or os.environ.get("JAX_PLATFORM_NAME") or "?"
        raise DynsparseError(
            f"JAX_PLATFORMS={wanted}: JAX finds no such device here, or cannot use it; unset it, or"
            " set it to cpu"
        ) from error


def settings_in_force() -> dict[str, Any]:
    """What decides numbers inside ``precision``, for a dataset's provenance."""
    flags = {name: os.environ[name] for name in _COMPILER if os.environ.get(name)}
    return {**SETTINGS, **flags}


def current_precision() -> Precision:
    """JAX's precision at the moment."""
    wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]  # set as JAX is imported
    return "float64" if wide else "float32"


def in_precision(dtype: Precision, function: Callable[P, R]) -> Callable[P, R]:
    """``function``, which then always runs in ``dtype``, on whichever thread."""

    @wraps(function)
    def inside(*arguments: P.args, **named: P.kwargs) -> R:
        with precision(dtype):
            return function(*arguments, **named)

    return inside
