"""How long XLA compiles programs of Jacobians on a CPU, quickly or well, and how long they run.

    python benchmarks/compiling.py CSV NAME...    a row for each environment and way

The programs are the first that the method ``hybrid`` asks, and the plain step under a solver that
is iterated to rounding. States are around the model's own, actions random. CPU seconds are of the
process, without tracing. Leave JAX_COMPILATION_CACHE_DIR unset, so that nothing is taken from a
cache.
"""

import csv
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import jax
import numpy as np

from dynsparse.environments import Dynamics, load
from dynsparse.jacobians.batches import OFTEN_CUT_OFF, ON_CPU
from dynsparse.jacobians.methods import QUICK_HYBRID, linearise
from dynsparse.precision import precision
from dynsparse.programs import QUICKLY
from dynsparse.running.compiling import quiet_surroundings

COLUMNS = ("environment", "program", "way", "compile_cpu_s", "cpu_s_for_1000", "largest_difference")
REPETITIONS = 3


def some_samples(dynamics: Dynamics) -> tuple[np.ndarray, ...]:
    """States, actions and memories of one batch."""
    rng, model = np.random.default_rng(0), dynamics.mj_model
    positions = model.qpos0 + 0.1 * rng.normal(size=(ON_CPU, model.nq))
    state = np.concatenate([positions, rng.normal(size=(ON_CPU, model.nv))], axis=1)
    return state, rng.uniform(-1, 1, (ON_CPU, model.nu)), np.zeros((ON_CPU, model.nv))


def measure(name: str) -> list[dict[str, Any]]:
    """A row for each program and way."""
    method = QUICK_HYBRID if name in OFTEN_CUT_OFF else "implicit"
    with precision("float64"):
        dynamics = load(name, "as_shipped")
        rows = both_ways(name, method, partial(_jacobian, dynamics, method), dynamics)
        dynamics = load(name, "converged")
        return rows + both_ways(name, "step, converged", partial(_step, dynamics), dynamics)


def both_ways(
    name: str, what: str, function: Callable[..., jax.Array], dynamics: Dynamics
) -> list[dict[str, Any]]:
    """A row for each way to compile a function of one sample."""
    samples = some_samples(dynamics)
    rows, results = [], []
    lowered = jax.jit(jax.vmap(function)).lower(*samples)
    for way, options in (("well", {}), ("quickly", QUICKLY)):
        before = process_time()
        program = lowered.compile(compiler_options=options)
        compiled = process_time()
        results += [np.asarray(program(*samples)) for _ in range(REPETITIONS)]
        ran = (process_time() - compiled) / REPETITIONS
        apart = float(np.nanmax(np.abs(results[-1] - results[0])))
        found = (compiled - before, ran * 1000 / ON_CPU, apart)
        rows.append(dict(zip(COLUMNS, (name, what, way, *found), strict=True)))
    return rows


def _jacobian(dynamics: Dynamics, method: str, *sample: jax.Array) -> jax.Array:
    return linearise(dynamics, method, *sample).state_jacobian


def _step(dynamics: Dynamics, *sample: jax.Array) -> jax.Array:
    return dynamics.step(*sample)[0]


if __name__ == "__main__":
    quiet_surroundings()
    target, *names = sys.argv[1:]
    rows = [row for name in names for row in measure(name)]
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    with Path(target).open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
