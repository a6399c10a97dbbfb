"""Tasks: which samples are to be scored, what they are given, and what is true of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from dynsparse.learning.data.normalisation import Scaler, fit
from dynsparse.learning.data.samples import some_of

# The part of each sample: two are scored, and thresholds are chosen on the first of these. What has
# no derivative is in none.
TRAIN, VALIDATION, TEST, NONE = range(4)
# So many steps in open loop, from so many starts, as in a study (learning.evaluation of
# config/config.yaml). In episodes shorter than twice the steps, half an episode's.
ROLLOUT_STEPS = 100
MOST_ROLLOUTS = 50


class Split(NamedTuple):
    """How episodes are split: arguments of a function of ``dynsparse.learning.data.splits``."""

    kind: str
    number: int
    validation_share: float
    test_share: float


class Definition(NamedTuple):
    """What a task is, whatever the data; it is fixed by its name.

    Attributes:
        name: with a version at its end.
        environment, behaviour, seeds: of the dataset files.
        solver: the simulator's (docs/environments.md); None: of no simulator of ours.
        threshold: elements below it are zero.
        split: which episodes train, choose thresholds, and are scored.
    """

    name: str
    environment: str
    behaviour: str
    seeds: tuple[int, ...]
    solver: str | None
    threshold: float
    split: Split

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any]) -> "Definition":
        """A definition as it is written in a file."""
        plain = {**settings, "seeds": tuple(settings["seeds"]), "split": Split(**settings["split"])}
        return cls(name=name, **plain)


class About(NamedTuple):
    """A task's definition, and what its data say.

    Attributes:
        definition: of the task.
        dataset: SHA-256 of the episodes' digests, file by file.
        state_names, action_names: rows, and further columns; with units.
        contact_names, constraint_names: of geom pairs, and of limits and friction losses.
        control_dt_s: seconds per step.
        steps: of an episode.
    """

    definition: Definition
    dataset: str
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    contact_names: tuple[str, ...]
    constraint_names: tuple[str, ...]
    control_dt_s: float
    steps: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a graph: next states, and states before actions."""
        return len(self.state_names), len(self.state_names) + len(self.action_names)


class Rows(NamedTuple):
    """Samples of a task; ``active`` are its contacts, limits and friction losses."""

    seed: Int[np.ndarray, " rows"]
    episode: Int[np.ndarray, " rows"]
    step: Int[np.ndarray, " rows"]
    state: Float[np.ndarray, "rows outputs"]
    action: Float[np.ndarray, "rows actions"]
    next_state: Float[np.ndarray, "rows outputs"]
    zero: Bool[np.ndarray, "rows outputs inputs"]
    active: Bool[np.ndarray, "rows conditions"]
    contact: Bool[np.ndarray, " rows"]

    def take(self, rows: np.ndarray) -> "Rows":
        """Some of the samples."""
        return Rows(*(values[rows] for values in self))

    @property
    def keys(self) -> Int[np.ndarray, "rows 3"]:
        """Seed, episode and step of each sample."""
        return np.stack([self.seed, self.episode, self.step], axis=1).astype(np.int64)

    @property
    def inputs(self) -> Float[np.ndarray, "rows inputs"]:
        """State and action side by side."""
        return np.concatenate([self.state, self.action], axis=1)

    @property
    def follows(self) -> Bool[np.ndarray, " rows"]:
        """Whether a sample is the step after the one in the row above."""
        above = np.diff(self.keys, axis=0, prepend=-1 - self.keys[:1])
        return np.asarray((above == [0, 0, 1]).all(axis=1))


class Rollouts(NamedTuple):
    """Where predictions in open loop begin, what is done from there on, and what came of it.

    Attributes:
        keys: seed, episode and step of each start.
        state: where it begins.
        action: at every step.
        truth: the state after each of these.
    """

    keys: Int[np.ndarray, "starts 3"]
    state: Float[np.ndarray, "starts outputs"]
    action: Float[np.ndarray, "starts steps actions"]
    truth: Float[np.ndarray, "starts steps outputs"]


class Episodes(NamedTuple):
    """Whole episodes, as a task keeps them.

    Attributes:
        seed, episode: which they are.
        state: at every step, and after the last one.
        action: at every step.
        part: of every step.
        zero, active: bits of every step, eight in a byte.
    """

    seed: Int[np.ndarray, " episodes"]
    episode: Int[np.ndarray, " episodes"]
    state: Float[np.ndarray, "episodes states outputs"]
    action: Float[np.ndarray, "episodes steps actions"]
    part: UInt8[np.ndarray, "episodes steps"]
    zero: UInt8[np.ndarray, "episodes steps zero_bytes"]
    active: UInt8[np.ndarray, "episodes steps active_bytes"]


@dataclass(frozen=True)
class Task:
    """One task, with its truth; ``read_task`` gives one.

    Attributes:
        about: what it is.
        episodes: its data.
    """

    about: About
    episodes: Episodes

    @property
    def name(self) -> str:
        """The name, with its version."""
        return self.about.definition.name

    @cached_property
    def train(self) -> Rows:
        """What may be trained on."""
        return self._rows([TRAIN])

    @cached_property
    def validation(self) -> Rows:
        """What thresholds are chosen on."""
        return self._rows([VALIDATION])

    @cached_property
    def test(self) -> Rows:
        """What is scored."""
        return self._rows([TEST])

    @cached_property
    def asked(self) -> Rows:
        """The samples that a prediction has to be of: validation first, then test."""
        return Rows(*map(np.concatenate, zip(self.validation, self.test, strict=True)))

    @cached_property
    def rollouts(self) -> Rollouts:
        """The open loops that are scored: evenly spaced among stretches of test samples."""
        test = self.test
        steps = min(ROLLOUT_STEPS, max(1, self.about.steps // 2))
        # How many samples that follow one another end at each row.
        breaks = np.where(test.follows, 0, np.arange(len(test.step)))
        run = np.arange(len(test.step)) - np.maximum.accumulate(breaks) + 1
        starts = some_of(np.flatnonzero(run >= steps) - steps + 1, MOST_ROLLOUTS)
        rows = starts[:, None] + np.arange(steps)
        return Rollouts(
            test.keys[starts], test.state[starts], test.action[rows], test.next_state[rows]
        )

    @cached_property
    def scaler(self) -> Scaler:
        """Mean and scale of the training samples: errors are in these units, as in a study."""
        return fit([(self.train.inputs, self.train.next_state)])

    def _rows(self, parts: Sequence[int]) -> Rows:
        data, (rows, columns) = self.episodes, self.about.shape
        where = np.nonzero(np.isin(data.part, parts))
        number, step = where
        conditions = len(self.about.contact_names) + len(self.about.constraint_names)
        zero = np.unpackbits(data.zero[where], axis=1, count=rows * columns).astype(bool)
        active = np.unpackbits(data.active[where], axis=1, count=conditions).astype(bool)
        return Rows(
            data.seed[number].astype(np.int64),
            data.episode[number].astype(np.int64),
            step.astype(np.int64),
            data.state[number, step],
            data.action[number, step],
            data.state[number, step + 1],
            zero.reshape(-1, rows, columns),
            active,
            np.asarray(active[:, : len(self.about.contact_names)].any(axis=1)),
        )

    def __repr__(self) -> str:
        parts = (("train", self.train), ("validation", self.validation), ("test", self.test))
        counts = ", ".join(f"{len(rows.seed)} {name}" for name, rows in parts)
        return f"<Task {self.name}: graphs {self.about.shape}, samples {counts}>"
