"""Collection on MuJoCo's C engine: record episodes, replay them, differentiate every step."""

from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np
from jaxtyping import Int

from dynsparse.c_engine.dynamics import EngineDynamics
from dynsparse.c_engine.files import (
    COUNTED,
    RANDOM,
    Shares,
    dataset_info,
    episode_arrays,
    models_digest,
)
from dynsparse.c_engine.layout import Layout, integration_state, same_numbers
from dynsparse.c_engine.recorder import Recorded, record_episode
from dynsparse.dataset import BlockWriter
from dynsparse.errors import DynsparseError
from dynsparse.running.console import progress, say
from dynsparse.suite import suite_of


def collect(path: Path | str, name: str, seed: int, episodes: int, steps: int) -> None:
    """Write the dataset of a simulation under random actions.

    An earlier run that was killed is continued at its next episode; episodes are recorded anew,
    which is quick and gives the same.

    Args:
        path: the HDF5 file to write.
        name: of the environment, such as ``gymnasium:HalfCheetah-v5`` or ``mjcf:robot.xml``.
        seed: all randomness comes from it and an episode's number.
        episodes: how many.
        steps: control steps in each.

    Raises:
        DynsparseError: there is no such environment, its steps are not the simulator's alone, or
            a recorded step is not repeated bit for bit, or MuJoCo reset the simulation.
    """
    recorded = record(name, seed, episodes, steps)
    dynamics = [EngineDynamics.of(name, each.model, each.substeps) for each in recorded]
    _check_alike(name, dynamics)
    for episode, (each, of) in enumerate(zip(recorded, dynamics, strict=True)):
        _check_episode(episode, each, of)
    held = held_inputs(dynamics, recorded)
    simulation = {
        "name": name,
        "substeps": recorded[0].substeps,
        "models_sha256": models_digest([each.model for each in recorded]),
    }
    sizes = (episodes, steps)
    info = dataset_info(dynamics[0], RANDOM, seed, sizes, held, simulation)
    label, shares = f"{info.environment} random seed {seed}", Shares()
    with BlockWriter(path, info) as writer:
        written = writer.written
        with progress(episodes * steps, label, "step", initial=int(written.sum()) * steps) as bar:
            for number in np.flatnonzero(~written):
                each, of = recorded[number], dynamics[number]
                sample = of.layout.split(each.before)
                facts = (each.reward, each.terminated)
                arrays = episode_arrays(of, sample, held, *facts, bar.update)
                shares.add(*(arrays[key] for key in COUNTED))
                writer.write(int(number), {key: value[None] for key, value in arrays.items()})
        writer.finish()
    say(f"{label}: {shares}")


def record(name: str, seed: int, episodes: int, steps: int) -> list[Recorded]:
    """Episodes of an environment, each by the seed and its own number alone."""
    simulation = suite_of(name).load(name)
    seeds = (np.random.SeedSequence([seed, k]).generate_state(1)[0] for k in range(episodes))
    return [record_episode(name, simulation, int(each), steps) for each in seeds]


def held_inputs(
    dynamics: Sequence[EngineDynamics], recorded: Sequence[Recorded]
) -> Int[np.ndarray, " held"]:
    """Which of the inputs beside the controls the environment ever set."""
    ever = np.zeros(len(dynamics[0].layout.held_names), bool)
    for of, each in zip(dynamics, recorded, strict=True):
        ever |= (of.layout.split(each.before).held != default_held(of)).any(axis=0)
    return np.flatnonzero(ever)


def default_held(dynamics: EngineDynamics) -> np.ndarray:
    """What the inputs beside the controls are, where nobody sets them."""
    data = mujoco.MjData(dynamics.mj_model)
    return dynamics.layout.split(integration_state(dynamics.mj_model, data)).held


def _check_alike(name: str, dynamics: list[EngineDynamics]) -> None:
    kinds: set[tuple[Layout, tuple[str, ...], int]] = {
        (each.layout, each.contact_names, each.substeps) for each in dynamics
    }
    if len(kinds) > 1:
        raise DynsparseError(f"environment {name!r}: its model differs in size between episodes")


def _check_episode(episode: int, recorded: Recorded, dynamics: EngineDynamics) -> None:
    """A step that is a function of what was recorded is repeated bit for bit."""
    again, _, warned = dynamics.described(dynamics.layout.split(recorded.before))
    dynamics.require_steps(episode, again, warned)
    same = same_numbers(again, recorded.next_state)
    if not same.all():
        step = int(np.flatnonzero(~same.all(axis=1))[0])
        by = float(np.nanmax(np.abs(again - recorded.next_state)))
        raise DynsparseError(
            f"environment {dynamics.name!r}: episode {episode}, step {step} is not repeated by what"
            f" was handed to mj_step; states differ by {by:.2g} (a model that changes during an"
            " episode, callbacks, or mj_step2 with another integrator than Euler)"
        )
