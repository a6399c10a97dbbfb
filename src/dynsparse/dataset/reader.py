"""Reading: one episode at a time, whatever the size of the file."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Bool, Float, Int

from dynsparse.dataset.schema import (
    DIGEST,
    DatasetInfo,
    check_derivatives,
    episode_digest,
    layout,
    own_data,
    read_info,
)
from dynsparse.errors import DynsparseError, printable


@dataclass(frozen=True)
class Episode:
    """One episode; ``state_jacobian[t, i, j]`` is d next_state[t, i] / d state[t, j]."""

    index: int
    state: Float[np.ndarray, "time state"]
    action: Float[np.ndarray, "time action"]
    memory: Float[np.ndarray, "time nv"]
    next_state: Float[np.ndarray, "time state"]
    reward: Float[np.ndarray, " time"]
    terminated: Bool[np.ndarray, " time"]
    truncated: Bool[np.ndarray, " time"]
    state_jacobian: Float[np.ndarray, "time state state"]
    action_jacobian: Float[np.ndarray, "time state action"]
    contact: Bool[np.ndarray, "time pairs"]
    constraint_active: Bool[np.ndarray, "time constraints"]
    jacobian_ok: Bool[np.ndarray, " time"]
    # Absent before version 2 of the format.
    solver_converged: Bool[np.ndarray, " time"] | None = None
    # Only in files of version 3: columns are those of state and action, one after the other.
    jacobian_element_ok: Bool[np.ndarray, "time state inputs"] | None = None
    held: Float[np.ndarray, "time held"] | None = None
    # Only where orientations make the tangent space another one than the state space.
    tangent_state_jacobian: Float[np.ndarray, "time tangent tangent"] | None = None
    tangent_action_jacobian: Float[np.ndarray, "time tangent action"] | None = None

    @property
    def begins(self) -> Bool[np.ndarray, " time"]:
        """See ``begins_anew``."""
        return begins_anew(self.state, self.next_state, self.terminated | self.truncated)

    def broken_steps(self, again: bool = False) -> Int[np.ndarray, " broken"]:
        """Steps that do not start where the last one ended; not-a-number is nowhere.

        Args:
            again: whether episodes of this environment may begin anew. Such a step is not broken
                if its positions are those of the first state after a termination, and those that
                it was left in after a truncation, when the robot was pushed.
        """
        broken = starts_elsewhere(self.state, self.next_state)
        if again:
            positions = self.state.shape[1] - self.memory.shape[1]
            left = np.where(self.terminated[:-1, None], self.state[0], self.next_state[:-1])
            there = (left == self.state[1:])[:, :positions].all(axis=1)
            broken[1:] &= ~(there & (self.terminated | self.truncated)[:-1])
        return np.flatnonzero(broken)


def starts_elsewhere(
    state: Float[np.ndarray, "time state"], next_state: Float[np.ndarray, "time state"]
) -> Bool[np.ndarray, " time"]:
    """Which steps of an episode, but for its first, do not start where the last one ended."""
    elsewhere = np.zeros(len(state), bool)
    elsewhere[1:] = (next_state[:-1] != state[1:]).any(axis=1)
    return elsewhere


def begins_anew(
    state: Float[np.ndarray, "time state"],
    next_state: Float[np.ndarray, "time state"],
    ended: Bool[np.ndarray, " time"],
) -> Bool[np.ndarray, " time"]:
    """Which steps inside an episode begin something new: a robot that had fallen stands again.

    The step before is told to have ``ended`` something, and led elsewhere. What is measured over
    time is cut there.
    """
    elsewhere = starts_elsewhere(state, next_state)
    elsewhere[1:] &= ended[:-1]
    return elsewhere


class Dataset:
    """An open dataset file."""

    def __init__(self, file: h5py.File) -> None:
        """Check that the file holds what its schema promises."""
        self._file = file
        self.info: DatasetInfo = read_info(file)
        expected = layout(self.info)
        self._names = [name for name in expected if name != DIGEST]
        for name, (shape, dtype) in expected.items():
            found = own_data(file, name)
            if found.shape != shape or found.dtype != dtype:
                raise DynsparseError(f"{file.filename}: dataset {name!r} should be {shape} {dtype}")

    def episodes(self) -> Iterator[Episode]:
        """All episodes in order, each checked; holds one in memory at a time.

        Raises:
            DynsparseError: the bytes of an episode do not match its digest, or a derivative that
                it is said to have is not finite.
        """
        for index in range(self.info.episodes):
            episode = self.episode(index)
            if not self._intact(episode):
                raise DynsparseError(
                    f"{self._file.filename}: episode {index} is damaged (it does not match its"
                    " digest); delete the file to have it computed again"
                )
            check_derivatives(
                episode.state_jacobian,
                episode.action_jacobian,
                episode.jacobian_ok,
                f"{self._file.filename}: episode {index}",
            )
            yield episode

    def episode(self, index: int) -> Episode:
        """One episode, as it is in the file."""
        return Episode(index, **self.arrays(index, self._names))

    def arrays(self, index: int, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Some arrays of one episode, without reading the others."""
        return {name: self._file[name][index] for name in names}

    def damaged_episodes(self) -> list[int]:
        """Indices of the episodes whose bytes do not match their recorded digest."""
        every = map(self.episode, range(self.info.episodes))
        return [episode.index for episode in every if not self._intact(episode)]

    def digests(self) -> np.ndarray:
        """The recorded digest of every episode, as bytes."""
        return np.asarray(self._file[DIGEST][()])

    def _intact(self, episode: Episode) -> bool:
        digest = episode_digest({name: getattr(episode, name) for name in self._names})
        return bool((digest == self._file[DIGEST][episode.index]).all())


@contextmanager
def open_dataset(path: Path | str) -> Iterator[Dataset]:
    """Open a dataset for reading.

    Raises:
        DynsparseError: no such file, damaged or truncated, no dataset, or another schema.
    """
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise DynsparseError(f"{path}: no such file") from None
    except OSError as error:
        reason = " ".join(str(error).split())
        raise DynsparseError(f"{path}: not a whole HDF5 file: {reason}") from None
    with file:
        yield Dataset(file)


def describe(path: Path | str) -> str:
    """What is in a dataset, where it came from, and whether it is intact, as lines of text.

    Raises:
        DynsparseError: as ``open_dataset``.
    """
    with open_dataset(path) as dataset:
        facts = dataclasses.asdict(dataset.info)
        origin = json.loads(facts.pop("provenance"))
        if not dataset.info.held_names:
            del facts["held_names"]
        if not dataset.info.note:
            del facts["note"]
        episodes = list(_summaries(dataset))
        damaged = dataset.damaged_episodes()
    lines = [f"{name}: {_one_line(value)}" for name, value in {**facts, **origin}.items()]
    lines += [*episodes, f"damaged episodes: {', '.join(map(str, damaged)) or 'none'}"]
    return "\n".join(map(printable, lines))


def _summaries(dataset: Dataset) -> Iterator[str]:
    for episode in map(dataset.episode, range(dataset.info.episodes)):
        whole = int(episode.jacobian_ok.sum())
        yield (
            f"episode {episode.index}: return {episode.reward.sum():.2f}, "
            f"{whole} of {dataset.info.steps} Jacobians {_soundness(episode)}, "
            f"{int(episode.contact.any(axis=1).sum())} steps in contact"
        )


def _soundness(episode: Episode) -> str:
    """What ``jacobian_ok`` says: finite; by differences, known in every element."""
    known = episode.jacobian_element_ok
    return "finite" if known is None else f"whole ({100 * known.mean():.2f} % of elements known)"


def _one_line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(value) if isinstance(value, tuple) else str(value)
