"""World models of many seeds at once, beside one PyTorch process per seed.

    python benchmarks/learning.py [--seeds 1 5 15] [--torch-python PATH]

Prints Markdown: first, how long a training step with Jacobians takes when these come from the
closed form, from forward and from reverse differentiation; then samples per second and seed, of
all seeds trained in one program and of benchmarks/learning_torch.py, one process per seed, as many
at once as there are processor cores (on a GPU one after the other). Both train the same network (2
hidden layers, ELU, dropout, AdamW) on the same random numbers of CheetahRun's sizes. PyTorch is
not among this project's packages: --torch-python names an interpreter that has it.
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynsparse.job import prepare_to_compile
from dynsparse.learning.models import MLP, WorldModel
from dynsparse.learning.settings import ModelSettings, TrainingSettings
from dynsparse.learning.training import Data, create, make_epoch
from dynsparse.precision import precision

INPUTS, OUTPUTS = 24, 18  # CheetahRun's
PROGRAM = Path(__file__).with_name("learning_torch.py")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 5, 15])
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--steps", type=int, default=4, help="timed steps of each seed")
    parser.add_argument("--torch-python", type=Path, help="a Python that has PyTorch")
    arguments = parser.parse_args()
    prepare_to_compile()
    device = jax.devices()[0]
    print(f"Device: {device.platform}, {device.device_kind}; {os.cpu_count()} processor cores.\n")
    with precision("float32"):
        _forms(arguments.width, arguments.batch)
        _seeds(arguments)


def _forms(width: int, batch: int) -> None:
    """A step's time by how its Jacobian is found."""
    model = MLP.create(
        ModelSettings("mlp", 2, width, "elu", 0.0), INPUTS, OUTPUTS, key=jax.random.key(0)
    )
    data = _data(batch)
    forms: dict[str, Callable[[WorldModel, Any], Any]] = {
        "closed form": lambda m, x: m.linearise(x)[1],
        "vmap(jacfwd)": lambda m, x: jax.vmap(jax.jacfwd(lambda s: m(s[None])[0]))(x),
        "vmap(jacrev)": lambda m, x: jax.vmap(jax.jacrev(lambda s: m(s[None])[0]))(x),
    }
    print(f"| Jacobians of {batch} samples, with the gradient of their MAE | ms |\n|---|---|")
    for name, form in forms.items():
        step = jax.jit(
            jax.grad(lambda m, f=form: jnp.abs(f(m, data.inputs) - data.jacobian).mean())
        )
        print(f"| {name} | {1000 * _shortest(lambda s=step: s(model)):.0f} |", flush=True)


def _seeds(arguments: argparse.Namespace) -> None:
    """Samples per second and seed, ours beside PyTorch's."""
    settings = TrainingSettings(
        model=ModelSettings("mlp", 2, arguments.width, "elu", 0.1),
        epochs=1,
        batch=arguments.batch,
        learning_rate=0.002,
        weight_decay=0.001,
        loss="state-jacobian-l1",
        loss_weight=1.0,
    )
    data, epoch = _data(arguments.steps * arguments.batch), make_epoch(settings)
    print("\n| seeds | dynsparse, samples/s per seed | PyTorch, samples/s per seed | ratio |")
    print("|---|---|---|---|", flush=True)
    for count in arguments.seeds:
        learner = create(settings, INPUTS, OUTPUTS, tuple(range(count)))
        ours = len(data.inputs) / _shortest(lambda k=learner: epoch(k, data, 1))
        theirs = _pytorch(arguments, count)
        ratio = "-" if theirs is None else f"{ours / theirs:.1f}"
        other = "not installed" if theirs is None else f"{theirs:.0f}"
        print(f"| {count} | {ours:.0f} | {other} | {ratio} |", flush=True)


def _pytorch(arguments: argparse.Namespace, count: int) -> float | None:
    """Samples per second and seed of ``count`` processes; None without PyTorch."""
    if arguments.torch_python is None:
        return None
    cores = os.cpu_count() or 1
    at_once = 1 if jax.devices()[0].platform == "gpu" else min(count, cores)
    sizes = (arguments.steps, cores // at_once, INPUTS, OUTPUTS, arguments.width, arguments.batch)

    def run(seed: int) -> float:
        command = [arguments.torch_python, "-P", PROGRAM, seed, *sizes]
        done = subprocess.run(
            [str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True
        )
        return float(np.mean(json.loads(done.stdout)["seconds"]))

    with ThreadPoolExecutor(at_once) as pool:
        step_s = np.mean(list(pool.map(run, range(count))))
    # Every seed waits for its turn: a step of all of them takes count / at_once turns.
    return float(arguments.batch / (step_s * count / at_once))


def _shortest(work: Callable[[], Any], repeats: int = 3) -> float:
    """The shortest of some runs in seconds, compilation left out."""
    jax.block_until_ready(work())
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        jax.block_until_ready(work())
        times.append(time.perf_counter() - started)
    return min(times)


def _data(count: int) -> Data:
    rng = np.random.default_rng(0)
    shapes = ((count, INPUTS), (count, OUTPUTS), (count, OUTPUTS, INPUTS))
    x, y, jacobian = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes)
    return Data(x, y, jacobian, jacobian > 1)


if __name__ == "__main__":
    main()
