"""Datasets in memory, with the fields that the statistics read."""

from dataclasses import dataclass

import numpy as np

from dynsparse.sparsity.durations import measure_durations
from dynsparse.sparsity.elements import ElementCounter
from dynsparse.sparsity.patterns import PatternInfo
from dynsparse.sparsity.scan import pack_episode
from dynsparse.sparsity.steps import measure_steps


@dataclass(frozen=True)
class FakeInfo:
    environment: str = "Twolink"
    behaviour: str = "random"
    seed: int = 0
    state_names: tuple[str, ...] = ("qpos:joint [rad]", "qvel:joint [rad/s]")
    action_names: tuple[str, ...] = ("motor",)
    contact_names: tuple[str, ...] = ("floor:a", "floor:b", "a:b")
    constraint_names: tuple[str, ...] = ("limit:joint",)
    control_dt_s: float = 0.02


@dataclass(frozen=True)
class FakeEpisode:
    index: int
    reward: np.ndarray
    state_jacobian: np.ndarray
    action_jacobian: np.ndarray
    jacobian_ok: np.ndarray
    begins: np.ndarray
    contact: np.ndarray
    constraint_active: np.ndarray
    jacobian_element_ok: np.ndarray | None = None


@dataclass(frozen=True)
class FakeDataset:
    info: FakeInfo
    all_episodes: tuple[FakeEpisode, ...]

    def episodes(self):
        yield from self.all_episodes


@dataclass(frozen=True)
class FakePatterns:
    info: PatternInfo
    all_episodes: tuple

    def episodes(self):
        yield from self.all_episodes


def fake_episode(
    index, state_jacobian, *, ok=None, reward=None, action_jacobian=None, contact=None, begins=()
):
    """An episode around a state Jacobian; the action Jacobian is its first column."""
    steps = len(state_jacobian)
    return FakeEpisode(
        index=index,
        reward=np.ones(steps) if reward is None else np.asarray(reward, dtype=float),
        state_jacobian=np.asarray(state_jacobian, dtype=float),
        action_jacobian=state_jacobian[:, :, :1] if action_jacobian is None else action_jacobian,
        jacobian_ok=np.ones(steps, dtype=bool) if ok is None else np.asarray(ok),
        begins=np.isin(np.arange(steps), begins),
        contact=np.arange(steps * 3).reshape(steps, 3) % 4 == 0 if contact is None else contact,
        constraint_active=np.arange(steps)[:, None] % 5 == 0,
    )


def fake_dataset(episodes, **info):
    return FakeDataset(FakeInfo(**info), tuple(episodes))


def count_elements(dataset, thresholds):
    counter = ElementCounter(dataset.info, thresholds, thresholds[0])
    for episode in dataset.episodes():
        pack_episode(episode, counter)
    return counter.elements()


def packed(dataset, threshold=1e-12):
    """The packed patterns of a dataset, in memory."""
    counter = ElementCounter(dataset.info, [threshold], threshold)
    episodes = tuple(pack_episode(episode, counter) for episode in dataset.episodes())
    return FakePatterns(PatternInfo.of(dataset.info, threshold), episodes)


def steps_of(dataset, threshold=1e-12):
    return measure_steps(packed(dataset, threshold))


def durations_of(dataset, threshold=1e-12):
    return measure_durations(packed(dataset, threshold))
