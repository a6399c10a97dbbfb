"""Recorded trajectories in files of others: positions, velocities and controls, by episode."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dynsparse.api.rows import MOST_COMPRESSED
from dynsparse.api.sizes import check_fits
from dynsparse.errors import DynsparseError
from dynsparse.strangers import Source, checked, opened

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


def read_recording(path: Path, columns: Mapping[str, int]) -> Recording:
    """Read a recording from npz or HDF5; nothing in it is unpickled, nor read from elsewhere.

    An array is of one episode, (time, ...), or of several, (episode, time, ...). An HDF5 file may
    have a group ``episode_<k>`` for each instead, as Minari's do. What arrays claim is looked at
    before they are read.

    Args:
        path: of the file.
        columns: how many each array of ``NAMES`` has to have; none means that it may be missing.

    Raises:
        DynsparseError: it is no such file, an array is missing, shapes do not fit together or do
            not fit into memory, or there are values that are not finite.
    """
    with opened(path) as source:
        parts = [dict(_found(source, group)) for group in _episodes(source)]
        shapes = [_shapes(source, part, columns) for part in parts]
        _check_size(path, source, parts)
        read = [
            {name: _values(source, name, place) for name, place in part.items()} for part in parts
        ]
    if any(shape != shapes[0] for shape in shapes):
        raise DynsparseError(
            f"{path}: episodes differ in their arrays' shapes; a dataset's have one length: cut"
            " them, or label them apart"
        )
    arrays = {name: np.concatenate([each[name] for each in read]) for name in read[0]}
    optional = (arrays.get(name) for name in ("act", "qacc_warmstart"))
    return Recording(*(arrays[name] for name in NEEDED), *optional)


def _episodes(source: Source) -> list[str]:
    """What names begin with: groups ``episode_<k>`` by their numbers, or nothing."""
    groups = [name for name in source.names() if re.fullmatch(r"episode_\d+", name, re.ASCII)]
    return [f"{name}/" for name in sorted(groups, key=lambda name: int(name[8:]))] or [""]


def _found(source: Source, group: str) -> Iterator[tuple[str, str]]:
    """Which arrays an episode has, and where."""
    for name, places in NAMES.items():
        place = next((group + place for place in places if source.has(group + place)), None)
        if place is not None:
            yield name, place
        elif name in NEEDED:
            raise DynsparseError(f"{group}{name} missing; qpos, qvel and ctrl are needed")


def _shapes(
    source: Source, part: Mapping[str, str], columns: Mapping[str, int]
) -> dict[str, tuple[int, ...]]:
    """The shapes that arrays claim, (episodes, rows, columns), which go together."""
    shapes = {}
    for name, place in part.items():
        shape, dtype = source.header(place)
        if shape is None or len(shape) not in (2, 3):
            raise DynsparseError(
                f"{place} {shape} of {dtype} should be numbers, (time, ...) or (episode, time, ...)"
            )
        if shape[-1] != columns[name]:
            raise DynsparseError(f"{place} has {shape[-1]} columns, the model has {columns[name]}")
        shapes[name] = (1,) * (3 - len(shape)) + tuple(shape)
    episodes, steps = shapes["ctrl"][:2]
    for name, shape in shapes.items():
        if shape[0] != episodes or shape[1] not in (steps, steps + 1):
            raise DynsparseError(
                f"{part[name]} {shape} does not go with ctrl {shapes['ctrl']}:"
                " as many episodes are needed, and as many rows or one more"
            )
    if not episodes or not steps:
        raise DynsparseError("there is no step in it")
    return shapes


def _check_size(path: Path, source: Source, parts: list[dict[str, str]]) -> None:
    """Memory is taken for what the file can hold, and what fits."""
    there, numbers = path.stat().st_size, 0
    for place in (place for part in parts for place in part.values()):
        shape, dtype = source.header(place)
        claimed = math.prod(shape) * dtype.itemsize
        if claimed > MOST_COMPRESSED * there:
            raise DynsparseError(
                f"{place} claims {claimed} bytes, which a file of {there} does not hold"
            )
        numbers += math.prod(shape)
    # As they are, and together.
    check_fits(2 * numbers * np.dtype(np.float64).itemsize, "the recording")


def _values(source: Source, name: str, place: str) -> Float[np.ndarray, "episodes rows size"]:
    found = checked(source, place, tuple(source.header(place)[0]), "fiu").astype(np.float64)
    if not np.isfinite(found).all():
        raise DynsparseError(f"{name} has values that are not finite")
    return found[None] if found.ndim == 2 else found
