"""Soft actor-critic: the replay buffer, one update, and what a checkpoint brings back."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.training.types import Transition

from dynsparse.policies.sac import Sac, train_sac
from dynsparse.policies.settings import training_settings

ENVS, TARGET = 4, 0.5
SETTINGS = training_settings(
    "CartpoleBalance",
    {
        "algorithm": "sac",
        "num_timesteps": 2400,
        "num_evals": 4,
        "num_envs": ENVS,
        "num_eval_envs": 8,
        "batch_size": 32,
        "episode_length": 20,
        "min_replay_size": 100,
        "max_replay_size": 30 * ENVS,
        "discounting": 0.5,
        "network_factory": {"hidden_layer_sizes": [16, 16]},
    },
)


class Guess:
    """A batch of environments with a number to observe; acting as ``TARGET`` is rewarded."""

    observation_size, action_size = 1, 1

    def reset(self, keys):
        return self._state(jnp.zeros((len(keys), 1)), jnp.zeros(len(keys)))

    def step(self, state, action):
        return self._state(state.obs + 1, 1 - jnp.abs(action[:, 0] - TARGET))

    def _state(self, obs, reward):
        from mujoco_playground._src.mjx_env import State

        info = {"truncation": jnp.zeros_like(reward), "steps": jnp.zeros_like(reward)}
        return State({}, obs, reward, jnp.zeros_like(reward), {}, info)


def test_the_buffer_keeps_the_newest_transitions():
    sac = Sac(SETTINGS, Guess())
    learner, state = sac.learner(jax.random.PRNGKey(0)), Guess().reset(np.zeros(ENVS))
    replay = sac.replay()
    assert len(replay.rows.reward) == 30 * ENVS
    for step in range(32):
        learner, state, replay = sac.experience(learner, state, replay, jax.random.PRNGKey(step))
    assert replay.inserted == 32 * ENVS
    assert sorted(set(replay.rows.observation[:, 0].tolist())) == list(range(2, 32))
    rows = replay.rows
    np.testing.assert_array_equal(rows.next_observation, rows.observation + 1)
    np.testing.assert_allclose(rows.reward, 1 - jnp.abs(rows.action[:, 0] - TARGET))
    assert learner.normaliser.mean == pytest.approx(np.arange(32).mean())


def test_an_update_changes_all_that_is_learnt_but_not_the_normaliser():
    sac = Sac(SETTINGS, Guess())
    before = sac.learner(jax.random.PRNGKey(0))
    ones = jnp.ones(8)
    extras = {"state_extras": {"truncation": 0 * ones}, "policy_extras": {}}
    column = ones[:, None]
    batch = Transition(column, column / 2, ones, ones, column, extras)
    after = sac.update(before, batch, jax.random.PRNGKey(1))
    for name in ("policy", "q", "target_q", "log_alpha"):
        old, new = (
            jnp.concatenate([x.ravel() for x in jax.tree.leaves(getattr(y, name))])
            for y in (before, after)
        )
        assert (old != new).any(), name
    jax.tree.map(np.testing.assert_array_equal, after.normaliser, before.normaliser)
    # The target follows slowly: by the share tau.
    moved = jax.tree.map(
        lambda t, q, q0: t - (0.995 * q0 + 0.005 * q), after.target_q, after.q, before.q
    )
    assert max(jnp.abs(leaf).max() for leaf in jax.tree.leaves(moved)) < 1e-6


def train(restore=lambda template: template, started_at=0):
    history = []
    environments = (Guess(), Guess())
    train_sac(
        SETTINGS,
        environments,
        0,
        started_at,
        restore,
        lambda *arguments: history.append(
            SimpleNamespace(steps=arguments[0], learner=arguments[2])
        ),
    )
    return history


def test_learns_a_guess_and_goes_on_where_it_stopped():
    history = train()
    assert [entry.steps for entry in history] == [800, 1600, 2400]
    last = history[-1].learner
    policy = Sac(SETTINGS, Guess()).make_policy((last.normaliser, last.policy), deterministic=True)
    action, _ = policy(jnp.zeros((1, 1)), jax.random.PRNGKey(0))
    assert action[0, 0] == pytest.approx(TARGET, abs=0.2)
    handed = []

    def restore(template):
        handed.append(jax.tree.structure(template))
        return history[1].learner

    resumed = train(restore, started_at=1600)
    assert [entry.steps for entry in resumed] == [2400]
    assert handed == [jax.tree.structure(last)]
    # The optimisers went on too: they have made as many steps as in the undisturbed run.
    assert resumed[0].learner.q_moments[0].count == last.q_moments[0].count
