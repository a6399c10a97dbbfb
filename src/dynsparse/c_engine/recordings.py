"""Recorded trajectories in files of others: positions, velocities and controls, by episode."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from jaxtyping import Float

from dynsparse.dataset.schema import own_data
from dynsparse.errors import DynsparseError

# What an episode's arrays may be called: by the plain names, or as Minari has them.
NAMES = {
    "qpos": ("qpos", "infos/qpos"),
    "qvel": ("qvel", "infos/qvel"),
    "ctrl": ("ctrl", "actions"),
    "act": ("act",),
    "qacc_warmstart": ("qacc_warmstart",),
}
NEEDED = ("qpos", "qvel", "ctrl")


class Recording(NamedTuple):
    """Episodes of one length; states may have one row more than controls, the last state.

    Attributes:
        qpos: positions before each step.
        qvel: velocities.
        ctrl: controls held during the step.
        act: activations, where they were recorded.
        qacc_warmstart: the solver's warm start, likewise.
    """

    qpos: Float[np.ndarray, "episodes rows nq"]
    qvel: Float[np.ndarray, "episodes rows nv"]
    ctrl: Float[np.ndarray, "episodes time nu"]
    act: Float[np.ndarray, "episodes rows na"] | None
    qacc_warmstart: Float[np.ndarray, "episodes rows nv"] | None


def read_recording(path: Path) -> Recording:
    """Read a recording from npz or HDF5; nothing in it is unpickled, nor read from elsewhere.

    An array is of one episode, (time, ...), or of several, (episode, time, ...). An HDF5 file may
    have a group ``episode_<k>`` for each instead, as Minari's do.

    Raises:
        DynsparseError: it is no such file, an array is missing, or shapes do not fit together.
    """
    if not path.is_file():
        raise DynsparseError(f"{path}: no such file")
    found = _from_hdf5(path) if h5py.is_hdf5(path) else _from_npz(path)
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise DynsparseError(
            f"{path}: {' and '.join(missing)} missing; qpos, qvel and ctrl are needed"
        )
    arrays = {name: _shaped(path, name, values) for name, values in found.items()}
    episodes, steps = arrays["ctrl"].shape[:2]
    for name, values in arrays.items():
        if values.shape[0] != episodes or values.shape[1] not in (steps, steps + 1):
            raise DynsparseError(
                f"{path}: {name} {values.shape} does not go with ctrl {arrays['ctrl'].shape}:"
                " as many episodes are needed, and as many rows or one more"
            )
    if not episodes or not steps:
        raise DynsparseError(f"{path}: there is no step in it")
    qpos, qvel, ctrl = (arrays[name] for name in NEEDED)
    return Recording(qpos, qvel, ctrl, arrays.get("act"), arrays.get("qacc_warmstart"))


def _from_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise DynsparseError(f"{path}: a recording is an npz or HDF5 file")
            return {name: file[name] for name in NAMES if name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise DynsparseError(f"{path}: cannot be read as npz or HDF5: {reason}") from None


def _from_hdf5(path: Path) -> dict[str, np.ndarray]:
    try:
        with h5py.File(path, "r") as file:
            groups = _episodes(file)
            if not groups:
                return _arrays(file, "")
            parts = [_arrays(file, f"{group}/") for group in groups]
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DynsparseError(f"{path}: not a whole HDF5 file: {reason}") from None
    lengths = {len(part["ctrl"]) for part in parts if "ctrl" in part}
    if len(lengths) > 1:
        raise DynsparseError(
            f"{path}: episodes have from {min(lengths)} to {max(lengths)} steps; a dataset's have"
            " one length: cut them, or label them apart"
        )
    common = set.intersection(*(set(part) for part in parts))
    return {name: _stacked(path, name, [part[name] for part in parts]) for name in common}


def _episodes(file: h5py.File) -> list[str]:
    """Groups ``episode_<k>`` in the order of their numbers."""
    numbers = [name.removeprefix("episode_") for name in file if name.startswith("episode_")]
    return [f"episode_{k}" for k in sorted((k for k in numbers if k.isdecimal()), key=int)]


def _arrays(file: h5py.File, before: str) -> dict[str, np.ndarray]:
    found = {}
    for name, places in NAMES.items():
        for place in places:
            if before + place in file:
                found[name] = own_data(file, before + place)[()]
                break
    return found


def _stacked(path: Path, name: str, parts: list[np.ndarray]) -> np.ndarray:
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        raise DynsparseError(f"{path}: {name} has another shape in some episodes: {shapes}")
    return np.stack(parts)


def _shaped(path: Path, name: str, values: np.ndarray) -> Float[np.ndarray, "episodes rows size"]:
    if values.dtype.kind not in "fiu" or values.ndim not in (2, 3):
        raise DynsparseError(
            f"{path}: {name} {values.shape} of {values.dtype} should be numbers, (time, ...) or"
            " (episode, time, ...)"
        )
    found = values.astype(np.float64)
    if not np.isfinite(found).all():
        raise DynsparseError(f"{path}: {name} has values that are not finite")
    return found[None] if found.ndim == 2 else found
