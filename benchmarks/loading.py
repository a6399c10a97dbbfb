"""PyTorch's DataLoader over ``Transitions``, and over the obvious dataset on top of h5py.

    python benchmarks/loading.py FILE.h5 [--workers 2] [--batch 256] [--rounds 3]

Prints samples per second of both, in interleaved rounds, and their ratio; and whether every number
is the same. Both give state and action, the next state, and where the Jacobian is not zero.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch.utils.data import DataLoader

import dynsparse as ds

THRESHOLD = 1e-12


class Obvious(torch.utils.data.Dataset):
    """What one writes first: a file opened in each worker, a sample read at a time."""

    def __init__(self, path: Path) -> None:
        """Find the samples that have a derivative."""
        self.path, self.file = path, None
        with h5py.File(path, "r") as file:
            self.index = np.argwhere(file["jacobian_ok"][()])

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, k: int) -> tuple[torch.Tensor, ...]:
        """One sample."""
        if self.file is None:
            self.file = h5py.File(self.path, "r")
        e, t = self.index[k]
        read = {name: self.file[name][e, t] for name in ("state", "action", "next_state")}
        jacobian = np.concatenate(
            [self.file["state_jacobian"][e, t], self.file["action_jacobian"][e, t]], axis=-1
        )
        x = np.concatenate([read["state"], read["action"]])
        graph = np.abs(jacobian) >= THRESHOLD
        return tuple(map(torch.from_numpy, (x, read["next_state"], graph)))


def samples_per_s(dataset: Any, workers: int, batch: int) -> float:
    """One pass in random order, workers already there."""
    loader = DataLoader(
        dataset, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    for _ in loader:
        pass
    start = time.perf_counter()
    count = sum(len(x) for x, _, _ in loader)
    return count / (time.perf_counter() - start)


def main() -> None:
    """Print a row per round, and the median ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    ours, obvious = ds.torch.Transitions(asked.path, threshold=THRESHOLD), Obvious(asked.path)
    same = len(ours) == len(obvious) and all(
        torch.equal(a, b)
        for k in range(0, len(ours), 7)
        for a, b in zip(ours[k], obvious[k], strict=True)
    )
    obvious.file = None
    ratios = []
    print("| round | h5py, samples/s | Transitions, samples/s | ratio |\n|---|---|---|---|")
    for number in range(asked.rounds):
        slow = samples_per_s(obvious, asked.workers, asked.batch)
        fast = samples_per_s(ours, asked.workers, asked.batch)
        ratios.append(fast / slow)
        print(f"| {number + 1} | {slow:,.0f} | {fast:,.0f} | {ratios[-1]:.1f} |")
    print(f"\nmedian ratio {statistics.median(ratios):.1f}; the same numbers: {same}")


if __name__ == "__main__":
    main()
