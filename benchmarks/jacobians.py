"""Every method of differentiation side by side, on samples of datasets.

    python benchmarks/jacobians.py DATASET.h5 [...] [--samples 200] [--batch 50]

Prints Markdown: errors against central differences of the same step, away from kinks and jumps,
and the speed of each method and of the plain step, measured in this one run. ``naive`` is
``vmap(jacfwd)`` of MJX's step as shipped, a batch after the other: nothing of dynsparse is in it,
so that its errors are of another step. ``mujoco_c`` takes differences on MuJoCo's C engine, on all
cores; a sample that it does not repeat counts as wrong.
"""

import argparse
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from mujoco_playground._src import mjx_env

from dynsparse.configuration import NOISE
from dynsparse.dataset import open_dataset
from dynsparse.environments import load
from dynsparse.environments.dynamics import Action, Dynamics, Memory, State
from dynsparse.jacobians import ENGINE, METHODS, Linearisation, batched_jacobians
from dynsparse.precision import precision
from dynsparse.running.compiling import prepare_to_compile
from dynsparse.verification.differences import central_differences, error_against
from dynsparse.verification.samples import pick_samples
from dynsparse.verification.verify import mjx_steps

SECONDS = 3.0
HEADER = (
    "| environment (behaviour) | method | median | p99 | largest | share below 1e-4 "
    "| zeros | Jacobians/s | of naive | of the step | compile [s] |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--batch", type=int, default=50, help="samples differentiated together")
    arguments = parser.parse_args()
    prepare_to_compile()
    print(HEADER)
    for path in arguments.datasets:
        with precision("float64"):
            measure(path, arguments.samples, arguments.batch)


def measure(path: Path, samples: int, batch: int) -> None:
    """Print the rows of one dataset."""
    with open_dataset(path) as dataset:
        picked, info = pick_samples(dataset, samples), dataset.info
    inputs = tuple(picked[name] for name in ("state", "action", "memory"))
    dynamics = load(info.environment)
    reference = central_differences(mjx_steps(dynamics), *inputs)
    smooth = ~(reference.kink | reference.jump)
    label = f"{info.environment} ({info.behaviour})"
    plain = jax.jit(jax.vmap(lambda *x: dynamics.step(*x)[0]))
    step_rate = _rate(plain, inputs)
    print(f"| {label} | the step alone (steps/s) | | | | | | {step_rate:.0f} | | | |")
    naive_rate = None
    for method, derive in derivatives(dynamics, batch).items():
        started = time.perf_counter()
        jacobian = derive(*inputs)
        compile_s = time.perf_counter() - started
        rate = _rate(derive, inputs)
        naive_rate = naive_rate or rate
        zero = NOISE if method == ENGINE else 1e-12
        error = error_against(jacobian, reference).max(axis=(1, 2))[smooth]
        print(
            f"| {label} | {method} | {np.nanmedian(error):.0e} | {np.nanquantile(error, 0.99):.0e} "
            f"| {np.nanmax(error):.0e} | {(error < 1e-4).mean():.3f} "
            f"| {(np.abs(jacobian) < zero).mean():.4f} | {rate:.0f} | {rate / naive_rate:.2f} "
            f"| 1/{step_rate / rate:.0f} | {compile_s:.0f} |",
            flush=True,
        )
    excluded = f"{int(reference.kink.sum())} kinks, {int((~smooth & ~reference.kink).sum())} jumps"
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"| {label} | of {len(smooth)} samples left out: {excluded}; peak memory so far "
        f"{memory_gb:.1f} GB | | | | | | | | | |",
        flush=True,
    )


Derive = Callable[..., np.ndarray]


def derivatives(dynamics: Dynamics, batch: int) -> dict[str, Derive]:
    """Functions that give the Jacobians of samples, by state and action side by side."""
    naive = jax.jit(jax.vmap(jax.jacfwd(partial(shipped_step, dynamics), (0, 1))))
    found: dict[str, Derive] = {"naive": partial(_one_by_one, naive, batch)}
    for method in (*METHODS, ENGINE):
        found[method] = partial(_by_method, batched_jacobians(dynamics, method, batch))
    return found


def shipped_step(dynamics: Dynamics, state: State, action: Action, memory: Memory) -> State:
    """The control step by nothing but MJX, which is what the paper differentiates."""
    data = dynamics.to_data(state, action, memory)
    return dynamics.to_state(mjx_env.step(dynamics.model, data, action, dynamics.substeps))


def _one_by_one(
    program: Callable[..., tuple[jax.Array, jax.Array]], batch: int, *inputs: np.ndarray
) -> np.ndarray:
    """What the plain program gives, a batch after the other."""
    starts = range(0, len(inputs[0]), batch)
    parts = [program(*(values[k : k + batch] for values in inputs)) for k in starts]
    return np.concatenate([_whole(*map(np.asarray, part)) for part in parts])


def _by_method(derive: Callable[..., Linearisation], *inputs: np.ndarray) -> np.ndarray:
    result = derive(*inputs)
    return _whole(result.state_jacobian, result.action_jacobian)


def _whole(by_state: np.ndarray, by_action: np.ndarray) -> np.ndarray:
    return np.concatenate([by_state, by_action], axis=2)


def _rate(function: Callable[..., Any], inputs: tuple[np.ndarray, ...]) -> float:
    """Samples per second, over at least ``SECONDS``, compilation left out."""
    jax.block_until_ready(function(*inputs))
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        jax.block_until_ready(function(*inputs))
        done += len(inputs[0])
    return done / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
