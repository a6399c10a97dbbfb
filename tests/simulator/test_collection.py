"""Collection: what a file's samples are to each other, and to the settings that made them."""

import numpy as np
import pytest

from dynsparse.collection import _with_jacobians, collect
from dynsparse.dataset import open_dataset
from dynsparse.environments import engine_steps, playground_environment
from dynsparse.environments.dynamics import StepRecord
from dynsparse.jacobians.methods import Linearisation

THRESHOLD = 1e-12


@pytest.fixture(params=["cartpole_file", "reacher_file"])
def episodes(request):
    with open_dataset(request.getfixturevalue(request.param)) as dataset:
        return dataset.info, list(dataset.episodes())


def test_steps_follow_each_other(episodes):
    for episode in episodes[1]:
        np.testing.assert_array_equal(episode.next_state[:-1], episode.state[1:])
        assert episode.truncated.tolist() == [False] * 39 + [True]
        assert not episode.terminated.any()


def test_nothing_is_missing(episodes):
    info, found = episodes
    assert (info.episodes, info.steps, len(found)) == (3, 40, 3)
    for episode in found:
        assert episode.jacobian_ok.all()
        assert np.isfinite(episode.state_jacobian).all()
        assert np.abs(episode.action).max() <= 1


def test_episodes_differ(episodes):
    first, second, _ = episodes[1]
    assert not np.array_equal(first.action, second.action)


def test_the_c_engine_takes_the_same_steps(episodes):
    info, found = episodes
    environment = playground_environment(info.environment)
    for episode in found:
        after = engine_steps(
            environment.mj_model,
            environment.n_substeps,
            *(episode.state, episode.action, episode.memory),
        )
        np.testing.assert_allclose(after, episode.next_state, rtol=0, atol=1e-8)


def test_an_episode_does_not_depend_on_its_block(cartpole_file, small_settings, tmp_path):
    """Other shapes are other programs, which round differently; 40 steps amplify that little."""
    other = tmp_path / "other.h5"
    collect(other, "CartpoleBalance", "random", 3, small_settings(block_episodes=1))
    with open_dataset(cartpole_file) as one, open_dataset(other) as two:
        for left, right in zip(one.episodes(), two.episodes(), strict=True):
            np.testing.assert_array_equal(left.action, right.action)
            np.testing.assert_allclose(left.state, right.state, rtol=0, atol=1e-9)
            np.testing.assert_allclose(left.state_jacobian, right.state_jacobian, atol=1e-9)


def test_always_zero_elements_on_the_track_and_beyond_its_end(cartpole_file, cartpole):
    """Three while the slider keeps off its limit; one sample beyond it, and there are none."""
    from functools import partial

    import jax

    from dynsparse.jacobians import linearise
    from dynsparse.precision import precision

    with open_dataset(cartpole_file) as dataset:
        jacobians = np.concatenate([e.state_jacobian for e in dataset.episodes()])
        assert not any(e.constraint_active.any() for e in dataset.episodes())
    always = (np.abs(jacobians) < THRESHOLD).all(axis=0)
    assert np.argwhere(always).tolist() == [[1, 0], [2, 0], [3, 0]]
    beyond = np.array([1.85, 0.1, 0.5, 0.0])  # the slider's range ends at 1.8 m
    with precision("float64"):
        derive = jax.jit(partial(linearise, cartpole, "hybrid"))
        result = derive(beyond, np.array([0.3]), np.zeros(2))
    assert result.record.constraint_active.tolist() == [True]
    always &= np.abs(np.asarray(result.state_jacobian)) < THRESHOLD
    assert not always.any()


def test_jacobians_that_are_not_finite_are_marked(cartpole):
    """Two episodes of three steps; one number of sample 4 is not finite."""
    shape = (2, 3)
    steps = {
        "state": np.arange(12.0).reshape(*shape, 2),
        "action": np.zeros((*shape, 1)),
        "memory": np.zeros((*shape, 1)),
        "reward": np.zeros(shape),
        "terminated": np.zeros(shape, bool),
    }
    steps["next_state"] = steps["state"]

    def derive(state, action, memory, advance):
        advance(len(state))
        jacobian = np.repeat(state[:, :, None], 2, axis=2)
        jacobian[state[:, 0] == 8.0, 1, 1] = np.nan
        nothing = np.zeros((len(state), 0), bool)
        record = StepRecord(memory, nothing, nothing, state[:, 0] > 4)
        return Linearisation(state, jacobian, jacobian[:, :, :1], record)

    done = []
    block = _with_jacobians(cartpole, derive, steps, done.append)
    assert block["jacobian_ok"].tolist() == [[True, True, True], [True, False, True]]
    assert block["solver_converged"].tolist() == [[False, False, False], [True, True, True]]
    assert "tangent_state_jacobian" not in block
    np.testing.assert_array_equal(block["state_jacobian"][..., 0, 0], steps["state"][..., 0])
    assert done == [6]
