"""Counts, patterns and durations of a large file, beside only reading it and the obvious way.

    python benchmarks/zero_statistics.py [--steps N] [--folder results] [--obvious-steps M]

Makes a synthetic file of CheetahRun's size (3.9 GB for a million steps) with planted zeros, runs
the statistics' own stages over it, each in a process of its own, and deletes it. The obvious way
loads the file with h5py and counts with pandas; it needs many times the file's size in memory,
so it gets fewer steps, and its figures are scaled. Reading is timed twice: from the disk, after
asking the system to forget the file, and from memory. Prints Markdown, all of it measured in
this one run.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd

from dynsparse.dataset import open_dataset
from dynsparse.dataset.schema import DatasetInfo, layout
from dynsparse.dataset.writer import BlockWriter
from dynsparse.sparsity.durations import measure_durations
from dynsparse.sparsity.patterns import open_patterns
from dynsparse.sparsity.scan import scan
from dynsparse.storage.tables import write_table

STATE, ACTION, PAIRS, LIMITS = 18, 6, 27, 6
EPISODE_STEPS, KNOWN_PATTERNS, MEAN_RUN = 1000, 40, 8
THRESHOLD = 1e-12
THRESHOLDS = [10.0**power for power in (-15, -14, -13, -12, -11, -10, -9, -7, -5, -3)]


def information(episodes: int) -> DatasetInfo:
    """A file with CheetahRun's dimensions."""
    joints = [f"q{number}" for number in range(STATE // 2)]
    return DatasetInfo(
        environment="Synthetic",
        behaviour="random",
        seed=0,
        state_names=(*(f"qpos:{j} [rad]" for j in joints), *(f"qvel:{j} [rad/s]" for j in joints)),
        action_names=tuple(f"ctrl:{number} [1]" for number in range(ACTION)),
        contact_names=tuple(f"a:{number}" for number in range(PAIRS)),
        constraint_names=tuple(f"limit:{number}" for number in range(LIMITS)),
        control_dt_s=0.01,
        method="synthetic",
        dtype="float64",
        episodes=episodes,
        steps=EPISODE_STEPS,
        provenance="{}",
    )


def synthetic_file(path: Path, episodes: int) -> None:
    """Planted patterns that switch every eight steps on average; a few values near thresholds."""
    rng = np.random.default_rng(0)
    info = information(episodes)
    shapes = {k: (s[1:], t) for k, (s, t) in layout(info).items() if k != "episode_digest"}
    elements = STATE * (STATE + ACTION)
    patterns = rng.random((KNOWN_PATTERNS, elements)) < 0.55
    dense = rng.normal(size=(EPISODE_STEPS, elements))
    with BlockWriter(path, info) as writer:
        for episode in range(episodes):
            number = np.cumsum(rng.random(EPISODE_STEPS) < 1 / MEAN_RUN) % KNOWN_PATTERNS
            values = np.where(patterns[number], 0.0, dense)
            near = rng.integers(values.size, size=values.size // 10_000)
            values.ravel()[near] = 10.0 ** rng.uniform(-16, -2, size=len(near))
            arrays = {name: np.zeros(shape, dtype) for name, (shape, dtype) in shapes.items()}
            split = STATE * STATE
            arrays["state_jacobian"] = values[:, :split].reshape(-1, STATE, STATE)
            arrays["action_jacobian"] = values[:, split:].reshape(-1, STATE, ACTION)
            arrays["contact"][:, 0] = number % 2 == 0
            arrays["jacobian_ok"][:] = True
            writer.write(episode, {name: array[None] for name, array in arrays.items()})
        writer.finish()


def only_read(path: Path) -> None:
    """Read every array of the file, one episode at a time."""
    with open_dataset(path) as dataset:
        for _ in dataset.episodes():
            pass


def only_scan(path: Path) -> None:
    """The one pass over HDF5, and sparsity and pattern changes of every step."""
    with open_dataset(path) as dataset:
        counts = scan(dataset, THRESHOLDS, THRESHOLD, path.with_name("patterns.parquet"))
    for kind, table in counts._asdict().items():
        write_table(table, path.with_name(f"{kind}.parquet"))


def only_durations(path: Path) -> None:
    """Run lengths of every element."""
    with open_patterns(path.with_name("patterns.parquet")) as patterns:
        write_table(measure_durations(patterns), path.with_name("durations.parquet"))


def obvious(path: Path) -> None:
    """Load everything, and let pandas count zeros, patterns and runs."""
    with h5py.File(path) as file:
        state, action = file["state_jacobian"][()], file["action_jacobian"][()]
    episodes, steps = state.shape[:2]
    flat = [values.reshape(episodes * steps, -1) for values in (state, action)]
    zero = pd.DataFrame(np.abs(np.concatenate(flat, axis=1)) < THRESHOLD)
    zero.sum()
    zero.value_counts()
    episode = np.repeat(np.arange(episodes), steps)
    for element in zero:
        series = zero[element]
        run = (series.ne(series.shift()) | (pd.Series(episode).diff() != 0)).cumsum()
        series.groupby(run).agg(["first", "size"]).value_counts()


STAGES: dict[str, Callable[[Path], None]] = {
    "only reading": only_read,
    "measure_patterns": only_scan,
    "measure_durations": only_durations,
    "h5py and pandas": obvious,
}


class Taken(NamedTuple):
    """What a stage took; ``cpu`` is less than ``seconds`` where others use the processor too."""

    seconds: float
    cpu: float
    gib: float


def measured(stage: str, path: Path) -> Taken:
    """What a stage takes in a process of its own, imports left out of the time."""
    command = [sys.executable, __file__, "--stage", stage, "--file", str(path)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return Taken(*json.loads(output))


def run_stage(stage: str, path: Path) -> None:
    """Run one stage in this process, and print what it took."""
    start, busy = time.perf_counter(), time.process_time()
    STAGES[stage](path)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps([seconds, busy, peak]))


def compare(folder: Path, steps: int, obvious_steps: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path, small = Path(name) / "large.h5", Path(name) / "small.h5"
        synthetic_file(path, steps // EPISODE_STEPS)
        synthetic_file(small, obvious_steps // EPISODE_STEPS)
        taken = {}
        for stage in ("only reading", "measure_patterns"):
            forget(path)
            taken[f"{stage}, from the disk"] = measured(stage, path)
            taken[f"{stage}, from memory"] = measured(stage, path)
        taken["measure_durations"] = measured("measure_durations", path)
        pandas = measured("h5py and pandas", small)
        size = path.stat().st_size / 2**30
    print(f"{steps:,} steps, {size:.2f} GiB\n")
    print("| what | seconds | CPU seconds | peak GiB |\n|---|---|---|---|")
    for place in ("from the disk", "from memory"):
        stages = [taken[f"measure_patterns, {place}"], taken["measure_durations"]]
        whole = Taken(*map(sum, zip(*stages, strict=True)))._replace(gib=max(s.gib for s in stages))
        reading = taken[f"only reading, {place}"]
        ratio = f"{whole.seconds / reading.seconds:.1f} times only reading"
        taken[f"both stages, {place}: {ratio}"] = whole
    taken[f"h5py and pandas, {obvious_steps:,} steps"] = pandas
    scale = steps / obvious_steps
    taken[f"h5py and pandas, scaled to {steps:,}"] = Taken(*(scale * value for value in pandas))
    for what, took in taken.items():
        print(f"| {what} | {took.seconds:.1f} | {took.cpu:.1f} | {took.gib:.2f} |")


def forget(path: Path) -> None:
    """Ask the system to drop a file from memory, so that it is read from the disk again."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Compare, or run one stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--obvious-steps", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, default=Path("results"))
    parser.add_argument("--stage", choices=list(STAGES), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        run_stage(arguments.stage, arguments.file)
    else:
        compare(arguments.folder, arguments.steps, arguments.obvious_steps)


if __name__ == "__main__":
    main()
