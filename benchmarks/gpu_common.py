"""What the parts of the GPU kit share: sizes, rows that survive a kill, the device to oneself."""

import argparse
import csv
import fcntl
import io
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def part_parser(description: str | None, *parts: str) -> argparse.ArgumentParser:
    """What every program of the kit is told: which part to run, where to write, for how long."""
    parser = argparse.ArgumentParser(description=description)
    if parts:
        parser.add_argument("part", choices=parts)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("budget_s", type=float)
    return parser


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        environments: whose rates are measured.
        batches: samples differentiated together; the first is measured first, everywhere.
        warm_up: a rate's states come after up to so many steps of random actions.
        rate_s: how long each rate is measured.
        matrix, copied: rows of the matrices, and numbers copied, for the device's own rates.
        learned: environments whose samples are collected and learned from, CheetahRun's first.
        steps: control steps of an episode.
        episodes, later_episodes: of the first seed, and of the second, a million samples in all.
        batch_samples: as in a study's configuration.
        verified: samples held against finite differences.
        width, batch: units of a layer, samples of a gradient step.
        seeds: numbers of models trained together, for the speed of learning.
        gradient_steps: of each of them, timed.
        models: seeds of the comparison of losses.
        epochs: of each of them, if they fit.
        scored: validation samples that are scored.
    """

    environments: tuple[str, ...]
    batches: tuple[int, ...]
    warm_up: int
    rate_s: float
    matrix: int
    copied: int
    learned: tuple[str, ...]
    steps: int
    episodes: int
    later_episodes: int
    batch_samples: int
    verified: int
    width: int
    batch: int
    seeds: tuple[int, ...]
    gradient_steps: int
    models: int
    epochs: int
    scored: int


FULL = Sizes(
    environments=(
        "CheetahRun",
        "WalkerRun",
        "BallInCup",
        "FingerTurnEasy",
        "FingerSpin",
        "SwimmerSwimmer6",
        "ReacherHard",
        "CartpoleBalance",
    ),
    batches=(2000, 4000, 1000, 8000),
    warm_up=50,
    rate_s=1.5,
    matrix=8192,
    copied=2**28,
    learned=("CheetahRun", "ReacherHard"),
    steps=1000,
    episodes=100,
    later_episodes=900,
    batch_samples=2000,
    verified=200,
    width=512,
    batch=512,
    seeds=(1, 5, 15),
    gradient_steps=40,
    models=15,
    epochs=100,
    scored=10_000,
)
# A thousandth, to try the kit where there is no GPU.
REHEARSAL = Sizes(
    environments=("CartpoleBalance",),
    batches=(4,),
    warm_up=5,
    rate_s=0.05,
    matrix=64,
    copied=2**12,
    learned=("CartpoleBalance",),
    steps=25,
    episodes=4,
    later_episodes=36,
    batch_samples=50,
    verified=8,
    width=16,
    batch=16,
    seeds=(1, 2),
    gradient_steps=2,
    models=2,
    epochs=2,
    scored=20,
)


def sizes(rehearse: bool) -> Sizes:
    """The sizes of a run."""
    return REHEARSAL if rehearse else FULL


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append a row to a CSV file, whole and at once; the first one brings the header."""
    text = io.StringIO()
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        if not os.fstat(file.fileno()).st_size:
            writer.writeheader()
        writer.writerow(row)
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def at_work(scratch: Path) -> Iterator[None]:
    """Tell those who time something that the device is in use."""
    with (scratch / "device.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def device_alone(scratch: Path, patience_s: float) -> Iterator[bool]:
    """Wait for the device to oneself; whether it was had within ``patience_s`` seconds."""
    until = time.monotonic() + patience_s
    with (scratch / "device.lock").open("a") as file:
        while not (alone := _locked(file.fileno())) and time.monotonic() < until:
            time.sleep(0.2)
        yield alone


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
