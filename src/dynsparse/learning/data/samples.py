"""The samples of one environment and behaviour, pooled over the files of its seeds."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dynsparse.dataset import Dataset, Episode, open_dataset
from dynsparse.errors import DynsparseError
from dynsparse.learning.data.normalisation import Scaler, fit
from dynsparse.learning.data.splits import Episodes
from dynsparse.running.console import progress
from dynsparse.sparsity.source import source_name

# Samples that stand together where changes are scored.
STRETCH = 50


class Origin(NamedTuple):
    """Where samples came from, and what their dimensions are called.

    ``behaviour`` is the one that is learned, also where another one is tested on.
    """

    environment: str
    behaviour: str
    sources: tuple[str, ...]
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    control_dt_s: float


class Samples(NamedTuple):
    """Normalised samples in float32, and what is true of them in float64.

    ``zero`` was found in the raw float64 values. ``active`` says which geom pairs touch and which
    limits and friction losses act; ``contact`` whether any geoms touch. ``mask`` is what a learner
    is told to look at (``masks``), if it is told.
    """

    inputs: Float[np.ndarray, "samples inputs"]
    next_state: Float[np.ndarray, "samples outputs"]
    jacobian: Float[np.ndarray, "samples outputs inputs"]
    zero: Bool[np.ndarray, "samples outputs inputs"]
    contact: Bool[np.ndarray, " samples"]
    active: Bool[np.ndarray, "samples conditions"]
    episode: Int[np.ndarray, " samples"]
    step: Int[np.ndarray, " samples"]
    mask: Bool[np.ndarray, "samples outputs inputs"] | None = None

    def take(self, rows: Int[np.ndarray, " rows"]) -> "Samples":
        """Some of the samples."""
        mask = None if self.mask is None else self.mask[rows]
        return Samples(*(values[rows] for values in self[:-1]))._replace(mask=mask)


class Pool:
    """Open dataset files that belong together, read one episode at a time.

    Samples whose Jacobian is not finite are left out everywhere. ``own`` says how many files there
    are of the behaviour that is learned; those of one that is only tested on come after them.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        stack: ExitStack,
        tested: str | None = None,
        left_out: Collection[str] = (),
    ) -> None:
        """Open the files, for as long as ``stack`` is.

        Args:
            paths: of one environment.
            stack: closes them.
            tested: a behaviour that is tested on alone.
            left_out: behaviours whose files are not read.

        Raises:
            DynsparseError: no file, a file that cannot be read, or files of different origin.
        """
        files = [stack.enter_context(open_dataset(path)) for path in paths]
        files = [file for file in files if file.info.behaviour not in left_out]
        mine = [file for file in files if file.info.behaviour != tested]
        others = [file for file in files if file.info.behaviour == tested]
        if not mine:
            raise DynsparseError("no dataset to learn from: give at least one file")
        if tested and not others:
            raise DynsparseError(f"no dataset of behaviour {tested} to test on: give its files")
        behaviours = {file.info.behaviour for file in mine}
        infos = [file.info for file in (*mine, *others)]
        facts = {(i.environment, i.state_names, i.action_names, i.control_dt_s) for i in infos}
        if len(facts) > 1 or len(behaviours) > 1:
            names = ", ".join(sorted({f"{i.environment}/{i.behaviour}" for i in infos}))
            raise DynsparseError(f"cannot learn from different datasets at once: {names}")
        ((environment, states, actions, dt),), (behaviour,) = facts, behaviours
        sources = tuple(source_name(info) for info in infos)
        self._files: list[Dataset] = [*mine, *others]
        self.own = len(mine)
        self.origin = Origin(environment, behaviour, sources, states, actions, dt)

    def episodes(self) -> Episodes:
        """The episode of every usable sample, counted through all files; a file is a policy."""
        counts = [int(e.jacobian_ok.sum()) for e in self._episodes("reading episodes of")]
        per_file = [file.info.episodes for file in self._files]
        policy = np.repeat(np.arange(len(per_file), dtype=np.int32), per_file)
        episode = np.arange(len(counts), dtype=np.int32)
        return Episodes(np.repeat(episode, counts), np.repeat(policy, counts))

    def scaler(self, train: Int[np.ndarray, " train"]) -> Scaler:
        """Mean and scale of the training samples."""
        episodes = self._episodes("scaling")

        def parts() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            start = 0
            for episode in episodes:
                inputs, outputs = _pairs(episode)
                mine = train[(train >= start) & (train < start + len(inputs))] - start
                start += len(inputs)
                yield inputs[mine], outputs[mine]

        return fit(parts())

    def samples(self, scaler: Scaler, threshold: float) -> Samples:
        """All samples, normalised; an element is zero where ``|x| < threshold`` before that."""
        parts = [
            _normalised(number, episode, scaler, threshold)[:-1]
            for number, episode in enumerate(self._episodes("normalising"))
        ]
        return Samples(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _episodes(self, what: str) -> Iterator[Episode]:
        total = sum(file.info.episodes for file in self._files)
        with progress(total, f"{what} {self.origin.environment}", "episode") as bar:
            for file in self._files:
                for episode in file.episodes():
                    yield episode
                    bar.update()


def _pairs(episode: Episode) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs of the usable samples."""
    ok = episode.jacobian_ok
    return np.concatenate([episode.state, episode.action], axis=1)[ok], episode.next_state[ok]


def _normalised(number: int, episode: Episode, scaler: Scaler, threshold: float) -> Samples:
    ok = episode.jacobian_ok
    inputs, outputs = _pairs(episode)
    jacobian = np.concatenate([episode.state_jacobian, episode.action_jacobian], axis=2)[ok]
    return Samples(
        inputs=scaler.inputs(inputs).astype(np.float32),
        next_state=scaler.outputs(outputs).astype(np.float32),
        jacobian=scaler.jacobian(jacobian).astype(np.float32),
        zero=np.abs(jacobian) < threshold,
        contact=episode.contact[ok].any(axis=1),
        active=np.concatenate([episode.contact, episode.constraint_active], axis=1)[ok],
        episode=np.full(len(inputs), number, np.int32),
        # A number is left out where a step does not follow the one before.
        step=(np.arange(len(ok)) + np.cumsum(episode.begins))[ok].astype(np.int32),
    )


def some_of(rows: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of ``rows``, evenly spaced."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def stretches(rows: np.ndarray, most: int, length: int = STRETCH) -> np.ndarray:
    """At most ``most`` of ``rows`` in stretches of so many that stand together, evenly spaced."""
    if len(rows) <= most:
        return rows
    length = min(length, most)
    starts = np.linspace(0, len(rows) - length, max(most // length, 1)).round().astype(np.int64)
    return rows[np.unique(starts[:, None] + np.arange(length))]
