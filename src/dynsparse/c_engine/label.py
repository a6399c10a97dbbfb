"""Recorded trajectories labelled: the graphs of a model at states that were recorded elsewhere."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float
from tabulate import tabulate

from dynsparse.c_engine.collection import default_held, record
from dynsparse.c_engine.dynamics import EngineDynamics
from dynsparse.c_engine.files import (
    COUNTED,
    RECORDED,
    Shares,
    dataset_info,
    episode_arrays,
    models_digest,
)
from dynsparse.c_engine.layout import Sample
from dynsparse.c_engine.recordings import Recording, read_recording
from dynsparse.dataset import BlockWriter
from dynsparse.errors import DynsparseError
from dynsparse.running.console import progress
from dynsparse.suite import suite_of

# How far the norm of a recorded orientation may be from 1: more than rounding, also to a few
# digits, and less than where a quaternion is missing.
NO_ORIENTATION = 0.01
# Which inputs beside the controls a recording tells.
NOTHING_HELD = np.zeros(0, int)


def label(path: Path, recording: Path, name: str) -> str:
    """Write the dataset of a recording, whose Jacobians are those of a simulation.

    ``next_state`` is where the model's step leads from each recorded state.

    Args:
        path: the HDF5 file to write.
        recording: npz or HDF5, see ``read_recording``.
        name: of the simulation, such as ``mjcf:robot.xml``.

    Returns:
        How far the recorded next states are from the model's, as text.

    Raises:
        DynsparseError: the recording cannot be read, or is not of this model.
    """
    if suite_of(name).dynamics != "mujoco_c":
        raise DynsparseError(
            f"environment {name!r}: recordings are labelled on MuJoCo's C engine: give --model, or"
            " an environment such as gymnasium:HalfCheetah-v5"
        )
    model, substeps = (record(name, 0, 1, 1)[0])[:2]
    dynamics = EngineDynamics.of(name, model, substeps)
    read = read_recording(recording, _columns(model))
    samples = _samples(recording, read, dynamics)
    for number, sample in enumerate(samples):
        after, _, warned = dynamics.described(sample)
        dynamics.require_steps(number, after, warned)
    simulation = {
        "name": name,
        "substeps": substeps,
        "models_sha256": models_digest([model] * len(samples)),
    }
    sizes = read.ctrl.shape[:2]
    info = dataset_info(dynamics, RECORDED, 0, sizes, NOTHING_HELD, simulation)
    with (
        BlockWriter(path, info) as writer,
        progress(sizes[0] * sizes[1], f"label {recording}", "step") as bar,
    ):
        told = _written(writer, dynamics, read, samples, bar.update)
        writer.finish()
    return told


def _written(
    writer: BlockWriter,
    dynamics: EngineDynamics,
    read: Recording,
    samples: Sequence[Sample],
    advance: Callable[[int], Any],
) -> str:
    """Write an episode after the other; gives what is told of them."""
    steps = read.ctrl.shape[1]
    unrewarded, errors, shares = np.zeros(steps), [], Shares()
    facts = (unrewarded, unrewarded.astype(bool))
    for number, sample in enumerate(samples):
        arrays = episode_arrays(dynamics, sample, NOTHING_HELD, *facts, advance)
        following = _states(read, number)[1 : steps + 1]
        errors.append(np.abs(following - arrays["next_state"][: len(following)]))
        shares.add(*(arrays[key] for key in COUNTED))
        writer.write(number, {key: value[None] for key, value in arrays.items()})
    return f"{_told(dynamics, np.concatenate(errors))}\n{shares}"


def _columns(model: mujoco.MjModel) -> dict[str, int]:
    """How many columns a recording of a model has."""
    sizes = {"qpos": model.nq, "qvel": model.nv, "ctrl": model.nu, "act": model.na}
    return {**sizes, "qacc_warmstart": model.nv}


def _samples(path: Path, read: Recording, dynamics: EngineDynamics) -> list[Sample]:
    """The samples of each episode.

    Raises:
        DynsparseError: activations are missing, or an orientation is none.
    """
    model = dynamics.mj_model
    if model.na and read.act is None:
        raise DynsparseError(f"{path}: the model has activations: act is needed beside qpos, qvel")
    for start in _quaternions(model):
        norm = np.linalg.norm(read.qpos[..., start : start + 4], axis=-1)
        if (np.abs(norm - 1) > NO_ORIENTATION).any():
            raise DynsparseError(
                f"{path}: columns {start} to {start + 3} of qpos are an orientation, but no unit"
                f" quaternion: their norm is {norm.min():.3g} to {norm.max():.3g}"
            )
    episodes, steps = read.ctrl.shape[:2]
    memory = read.qacc_warmstart
    if memory is None:
        memory = np.zeros((episodes, steps, model.nv))
    held = np.tile(default_held(dynamics), (steps, 1))
    return [
        Sample(_states(read, k)[:steps], memory[k, :steps], read.ctrl[k], held)
        for k in range(episodes)
    ]


def _quaternions(model: mujoco.MjModel) -> list[int]:
    """Where in qpos orientations begin."""
    at = {mujoco.mjtJoint.mjJNT_FREE: 3, mujoco.mjtJoint.mjJNT_BALL: 0}
    joints = zip(model.jnt_qposadr.tolist(), model.jnt_type.tolist(), strict=True)
    return [start + at[kind] for start, kind in joints if kind in at]


def _states(read: Recording, episode: int) -> Float[np.ndarray, "rows state"]:
    parts = (read.qpos, read.qvel, read.act)
    rows = min(part.shape[1] for part in parts if part is not None)
    return np.concatenate([part[episode, :rows] for part in parts if part is not None], axis=1)


def _told(dynamics: EngineDynamics, errors: Float[np.ndarray, "rows state"]) -> str:
    """How far recorded next states are from the model's, a line per dimension."""
    if not len(errors):
        return "no recorded step has a next state to compare with"
    columns = np.median(errors, axis=0), errors.max(axis=0)
    rows = zip(dynamics.state_names, *columns, strict=True)
    headers = ("recorded next states against the model's", "median", "largest")
    return tabulate(rows, headers, floatfmt=".3g")
