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

from dynsparse.learning.models import MLP, WorldModel
from dynsparse.learning.models.mlp import MLPSettings
from dynsparse.learning.settings import TrainingSettings
from dynsparse.learning.training.epochs import Data, create, make_epoch
from dynsparse.precision import precision
from dynsparse.running.compiling import prepare_to_compile

INPUTS, OUTPUTS = 24, 18  # CheetahRun's
LOSS = "state-jacobian-l1"
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
    model = MLP.create(MLPSettings(2, width, "elu", 0.0), INPUTS, OUTPUTS, key=jax.random.key(0))
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
    print("\n| seeds | dynsparse, samples/s per seed | PyTorch, samples/s per seed | ratio |")
    print("|---|---|---|---|", flush=True)
    for count in arguments.seeds:
        settings = paper_settings(LOSS, arguments.width, arguments.batch)
        ours = arguments.batch / step_s(settings, count, arguments.steps)
        theirs = _pytorch(arguments, count)
        ratio = "-" if theirs is None else f"{ours / theirs:.1f}"
        other = "not installed" if theirs is None else f"{theirs:.0f}"
        print(f"| {count} | {ours:.0f} | {other} | {ratio} |", flush=True)


def paper_settings(loss: str, width: int = 512, batch: int = 512) -> TrainingSettings:
    """The settings of the paper's models (Table A2.1), under one of its losses."""
    return TrainingSettings(
        architecture="mlp",
        model=MLPSettings(2, width, "elu", 0.1),
        epochs=1,
        batch=batch,
        learning_rate=0.002,
        weight_decay=0.001,
        loss=loss,
        loss_weight=1.0,
    )


def step_s(settings: TrainingSettings, seeds: int, steps: int) -> float:
    """Seconds of a gradient step of all seeds together, on random numbers."""
    data, epoch = _data(steps * settings.batch), make_epoch(settings)
    learner = create(settings, INPUTS, OUTPUTS, tuple(range(seeds)))
    return _shortest(lambda: epoch(learner, data, 1, len(data.inputs))) / steps


def pytorch_step_s(
    python: Path | str, loss: str, seed: int, steps: int, threads: int, width: int, batch: int
) -> float:
    """Seconds of a gradient step of one seed in benchmarks/learning_torch.py, the mean of some."""
    sizes = (seed, steps, threads, INPUTS, OUTPUTS, width, batch, loss)
    command = [str(part) for part in (python, "-P", PROGRAM, *sizes)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(np.mean(json.loads(done.stdout)["seconds"]))


def _pytorch(arguments: argparse.Namespace, count: int) -> float | None:
    """Samples per second and seed of ``count`` processes; None without PyTorch."""
    if arguments.torch_python is None:
        return None
    cores = os.cpu_count() or 1
    at_once = 1 if jax.devices()[0].platform == "gpu" else min(count, cores)
    python, steps, threads = arguments.torch_python, arguments.steps, cores // at_once

    def run(seed: int) -> float:
        return pytorch_step_s(python, LOSS, seed, steps, threads, arguments.width, arguments.batch)

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
