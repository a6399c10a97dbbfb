"""Datasets in memory, with the fields that the statistics read."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FakeInfo:
    environment: str = "Twolink"
    behaviour: str = "random"
    seed: int = 0
    state_names: tuple[str, ...] = ("qpos:joint [rad]", "qvel:joint [rad/s]")
    action_names: tuple[str, ...] = ("motor",)
    control_dt_s: float = 0.02


@dataclass(frozen=True)
class FakeEpisode:
    index: int
    reward: np.ndarray
    state_jacobian: np.ndarray
    action_jacobian: np.ndarray
    jacobian_ok: np.ndarray
    contact: np.ndarray


@dataclass(frozen=True)
class FakeDataset:
    info: FakeInfo
    all_episodes: tuple[FakeEpisode, ...]

    def episodes(self):
        yield from self.all_episodes


def fake_episode(index, state_jacobian, *, ok=None, reward=None, action_jacobian=None):
    """An episode around a state Jacobian; the action Jacobian is its first column."""
    steps = len(state_jacobian)
    return FakeEpisode(
        index=index,
        reward=np.ones(steps) if reward is None else np.asarray(reward, dtype=float),
        state_jacobian=np.asarray(state_jacobian, dtype=float),
        action_jacobian=state_jacobian[:, :, :1] if action_jacobian is None else action_jacobian,
        jacobian_ok=np.ones(steps, dtype=bool) if ok is None else np.asarray(ok),
        contact=np.arange(steps * 3).reshape(steps, 3) % 4 == 0,
    )


def fake_dataset(episodes, **info):
    return FakeDataset(FakeInfo(**info), tuple(episodes))
