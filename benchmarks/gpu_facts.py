"""The machine, the packages, and the device's own rates; fails where the kit cannot run."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import jax
import jax.numpy as jnp
from gpu_common import Sizes, part_parser, sizes

from dynsparse.precision import precision
from dynsparse.provenance import commit
from dynsparse.storage.files import whole_file

PACKAGES = ("dynsparse", "jax", "jaxlib", "mujoco", "mujoco-mjx", "playground", "brax", "numpy")
# What the other sections import, so that a missing package is told in seconds.
NEEDED = (
    "dynsparse.collection",
    "dynsparse.verification",
    "dynsparse.sparsity.scan",
    "dynsparse.tables.table_1",
    "dynsparse.tables.verification",
    "dynsparse.learning.data.preparation",
    "dynsparse.learning.jobs.train",
    "mujoco_playground",
)


def main() -> None:
    """Write facts.json."""
    parser = part_parser(__doc__)
    arguments = parser.parse_args()
    device = jax.devices()[0]
    if device.platform == "cpu" and not arguments.rehearse:
        raise SystemExit("error: JAX sees no GPU here; --rehearse tries the kit on a CPU")
    for name in NEEDED:
        import_module(name)
    with precision("float64"):
        rates = device_rates(sizes(arguments.rehearse))
    facts = {
        "device": device.device_kind,
        "platform": device.platform,
        "driver": driver(),
        "processor_cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES} | torch_version(),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
        "rehearsal": arguments.rehearse,
        **rates,
    }
    with whole_file(arguments.folder / "facts.json") as path:
        path.write_text(json.dumps(facts, indent=1) + "\n")


def device_rates(given: Sizes) -> dict[str, float]:
    """Float64 operations of a matrix product, and bytes read and written by a copy, per second."""
    size, count = given.matrix, given.copied
    matrix = jax.random.normal(jax.random.key(0), (size, size))
    numbers = jax.random.normal(jax.random.key(1), (count,))
    product_s = shortest(jax.jit(jnp.matmul), matrix, matrix)
    copy_s = shortest(jax.jit(lambda x: x * 1.5), numbers)
    return {
        "float64_product_tflops": round(2 * size**3 / product_s / 1e12, 3),
        "copied_gb_per_s": round(2 * 8 * count / copy_s / 1e9, 2),
    }


def shortest(function: Callable[..., jax.Array], *given: jax.Array) -> float:
    """The shortest of ten runs in seconds, compilation left out."""
    function(*given).block_until_ready()
    times = []
    for _ in range(10):
        started = time.perf_counter()
        function(*given).block_until_ready()
        times.append(time.perf_counter() - started)
    return min(times)


def torch_version() -> dict[str, str]:
    """PyTorch's version, where it is installed."""
    try:
        return {"torch": version("torch")}
    except PackageNotFoundError:
        return {}


def driver() -> str | None:
    """The NVIDIA driver's version, where there is one."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


if __name__ == "__main__":
    main()
