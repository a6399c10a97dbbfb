"""How long t-SNE of many transitions takes: ours beside scikit-learn's, on planted trajectories.

Usage: python benchmarks/embedding.py [--samples 50000] [--threads 2] [--beside]
"""

import argparse
import time

import numpy as np
from jaxtyping import Float

from dynsparse.embedding.tsne import embed, standardised

FEATURES = 42  # state, action and next state of CheetahRun
EPISODE = 1000
MEMORY = 0.98  # of one step, so that neighbours in time are neighbours in space


def trajectories(samples: int, seed: int) -> Float[np.ndarray, "samples features"]:
    """Smooth random episodes: autoregressive, each from a start of its own."""
    rng = np.random.default_rng(seed)
    episodes = -(-samples // EPISODE)
    steps = np.empty((EPISODE, episodes, FEATURES))
    state = rng.normal(size=(episodes, FEATURES))
    for step in steps:
        state = MEMORY * state + np.sqrt(1 - MEMORY**2) * rng.normal(size=state.shape)
        step[:] = state
    return steps.swapaxes(0, 1).reshape(-1, FEATURES)[:samples]


def main() -> None:
    """Print seconds, of the wall and of processors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--beside", action="store_true", help="time scikit-learn too")
    options = parser.parse_args()
    features = standardised(trajectories(options.samples, seed=0))
    runs = {"dynsparse": lambda: embed(features, 30, options.threads)}
    if options.beside:
        from sklearn.manifold import TSNE

        beside = TSNE(perplexity=30, n_jobs=options.threads, random_state=0)
        runs["scikit-learn"] = lambda: beside.fit_transform(features)
    for name, run in runs.items():
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        run()
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        print(f"{name}: {options.samples} samples, {wall_s:.0f} s, {cpu_s:.0f} s of processors")


if __name__ == "__main__":
    main()
