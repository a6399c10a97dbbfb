"""A task on the slider, whose episodes go on from step to step."""

import numpy as np
from learning_fakes import slider_arrays, write_slider

from dynsparse.benchmark.task import Definition, Split

DEFINITION = Definition(
    name="Slider-random-1",
    environment="Slider",
    behaviour="random",
    seeds=(0, 1),
    solver=None,
    threshold=1e-12,
    split=Split("episode", 0, 0.25, 0.25),
)
EPISODES, STEPS = 4, 40


def write_files(folder):
    """Two dataset files; each step leads to the next one."""
    paths = []
    for seed in DEFINITION.seeds:
        arrays = slider_arrays(seed, EPISODES, STEPS)
        following = np.concatenate([arrays["state"][:, 1:], arrays["next_state"][:, -1:]], axis=1)
        path = folder / f"seed-{seed}.h5"
        paths.append(write_slider(path, seed, EPISODES, STEPS, next_state=following))
    return paths


def everything(task, seed=0):
    """Arrays of every kind, of a model that guesses."""
    rng, asked = np.random.default_rng(seed), task.asked
    graph = asked.zero.shape
    return {
        "influence": rng.normal(size=graph) ** 2,
        "edge": rng.random(graph) < 0.5,
        "probability": rng.random(graph),
        "regime": rng.integers(0, 3, len(asked.step)),
        "next_state": rng.normal(size=asked.next_state.shape),
        "jacobian": rng.normal(size=graph),
        "rollout": rng.normal(size=task.rollouts.truth.shape),
    }
