"""Every method of differentiation side by side, on samples of datasets.

    python benchmarks/jacobians.py DATASET.h5 [...] [--samples 200] [--batch 50]

Prints Markdown: errors against central differences of the same step, away from kinks and jumps,
and the speed of each method, of the plain step, and of differences on MuJoCo's C engine (all
cores), measured in this one run.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dynsparse.dataset import open_dataset
from dynsparse.environments import load
from dynsparse.jacobians import METHODS, linearise
from dynsparse.job import cache_compilations
from dynsparse.precision import precision
from dynsparse.verification.differences import central_differences, relative_error
from dynsparse.verification.engine import engine_steps
from dynsparse.verification.verify import mjx_steps, pick_samples

SECONDS = 3.0
HEADER = (
    "| environment (behaviour) | method | median | p99 | largest | share below 1e-4 "
    "| zeros | Jacobians/s | compile [s] |\n|---|---|---|---|---|---|---|---|---|"
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
    cache_compilations()
    print(HEADER)
    for path in arguments.datasets:
        with precision("float64"):
            measure(path, arguments.samples, arguments.batch)


def measure(path: Path, samples: int, batch: int) -> None:
    """Print the rows of one dataset."""
    with open_dataset(path) as dataset:
        picked, info = pick_samples(dataset, samples), dataset.info
    inputs = tuple(picked[name] for name in ("state", "action", "memory"))
    few = tuple(values[:batch] for values in inputs)
    dynamics = load(info.environment)
    reference = central_differences(mjx_steps(dynamics), *inputs)
    smooth = ~(reference.kink | reference.jump)
    label = f"{info.environment} ({info.behaviour})"
    for method in METHODS:
        compiled = jax.jit(jax.vmap(partial(linearise, dynamics, method)))
        started = time.perf_counter()
        jax.block_until_ready(compiled(*few))
        compile_s = time.perf_counter() - started
        jacobian = _in_batches(compiled, inputs, batch)
        error = relative_error(jacobian, reference.jacobian).max(axis=(1, 2))[smooth]
        print(
            f"| {label} | {method} | {np.median(error):.0e} | {np.quantile(error, 0.99):.0e} "
            f"| {error.max():.0e} | {(error < 1e-4).mean():.3f} "
            f"| {(np.abs(jacobian) < 1e-12).mean():.4f} "
            f"| {_rate(compiled, few):.0f} | {compile_s:.0f} |",
            flush=True,
        )
    plain = jax.jit(jax.vmap(lambda *x: dynamics.step(*x)[0]))
    print(f"| {label} | plain step (steps/s) | | | | | | {_rate(plain, few):.0f} | |")

    def engine(*x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        after = engine_steps(dynamics.mj_model, dynamics.substeps, *x)
        return after, np.zeros((len(after), 0), bool)

    differences = partial(central_differences, engine)
    print(f"| {label} | C engine, differences | | | | | | {_rate(differences, few):.0f} | |")
    excluded = f"{int(reference.kink.sum())} kinks, {int((~smooth & ~reference.kink).sum())} jumps"
    print(f"| {label} | of {len(smooth)} samples left out: {excluded} | | | | | | | |", flush=True)


def _in_batches(compiled: Callable, inputs: tuple[np.ndarray, ...], batch: int) -> np.ndarray:
    count, parts = len(inputs[0]), []
    for start in range(0, count, batch):
        index = np.minimum(np.arange(start, start + batch), count - 1)
        result = compiled(*(values[index] for values in inputs))
        both = np.concatenate([result.state_jacobian, result.action_jacobian], axis=2)
        parts.append(both[: count - start])
    return np.concatenate(parts)


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
