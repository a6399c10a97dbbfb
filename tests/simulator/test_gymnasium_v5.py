"""Gymnasium's MuJoCo tasks on MJX, held against Gymnasium's own environments on the C engine."""

import sys
from pathlib import Path

import jax
import mujoco
import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from engine_jacobians import compared, steps_of  # noqa: E402
from gymnasium_v5 import (  # noqa: E402
    DEAR,
    differences,
    gymnasium_environment,
    repeated,
    taken,
    verified,
)

from dynsparse.environments import gymnasium_v5, load, playground_environment  # noqa: E402
from dynsparse.errors import DynsparseError  # noqa: E402
from dynsparse.policies.behaviours import make_behaviour  # noqa: E402
from dynsparse.suite import GYMNASIUM  # noqa: E402

pytestmark = pytest.mark.usefixtures("float64")
# What other arithmetic of the same steps leaves in states, observations and rewards.
SAME = 1e-10
_Solver = mujoco.mjtSolver


def test_the_tasks_are_gymnasiums():
    gymnasium_environment("ReacherV5")
    from gymnasium import registry

    registered = {
        spec.id.removesuffix("-v5") + "V5": spec.max_episode_steps
        for spec in registry.values()
        if spec.version == 5 and ".mujoco." in str(spec.entry_point)
    }
    tasks = {name: task.episode_length for name, task in gymnasium_v5.TASKS.items()}
    assert tasks == registered
    assert set(tasks) == set(GYMNASIUM) and len(GYMNASIUM) == 11


@pytest.mark.parametrize("name", GYMNASIUM)
def test_a_task_keeps_gymnasiums_model_and_frame_skip(name):
    ours, theirs = playground_environment(name), gymnasium_environment(name)
    assert ours.xml_path == theirs.fullpath
    assert ours.n_substeps == theirs.frame_skip
    np.testing.assert_allclose(ours.dt, theirs.dt, rtol=1e-12)
    was, now = theirs.model.opt, ours.mj_model.opt
    for option in ("timestep", "integrator", "iterations", "ls_iterations", "tolerance", "cone"):
        assert getattr(now, option) == getattr(was, option)
    assert now.solver == (_Solver.mjSOL_NEWTON if was.solver == _Solver.mjSOL_PGS else was.solver)
    np.testing.assert_array_equal(ours.mj_model.qpos0, theirs.init_qpos)
    np.testing.assert_array_equal(theirs.init_qvel, 0)


@pytest.mark.parametrize("name", GYMNASIUM)
def test_episodes_begin_as_gymnasiums_do(name):
    """Each position and velocity has the same distribution, by 500 starts of either."""
    ours, theirs = playground_environment(name), gymnasium_environment(name)
    keys = jax.random.split(jax.random.key(0), 500)
    start = gymnasium_v5.TASKS[name].start
    drawn = jax.jit(jax.vmap(lambda key: start(ours.mjx_model, key)))(keys)
    found = np.concatenate(drawn, axis=1)
    shipped = []
    for seed in range(500):
        theirs.reset(seed=seed)
        shipped.append(np.concatenate([theirs.data.qpos, theirs.data.qvel]))
    for ours_k, theirs_k in zip(found.T, np.transpose(shipped), strict=True):
        if np.ptp(theirs_k) == 0:
            np.testing.assert_array_equal(ours_k, theirs_k[0])
        else:
            assert stats.ks_2samp(ours_k, theirs_k).pvalue > 1e-4


@pytest.mark.parametrize("name", ["InvertedPendulumV5", "ReacherV5"])
def test_steps_are_gymnasiums_own(name):
    steps = taken(gymnasium_environment(name, "converged"), 300, seed=1)
    found = differences(steps, repeated(name, "converged", steps))
    assert found.pop("terminated") == 0
    assert max(found.values()) < SAME
    assert steps.outcome["terminated"].any() == (name == "InvertedPendulumV5")


def test_random_actions_are_uniform_in_the_controls_range():
    """Those of Gymnasium are; in [-1, 1] most of the Humanoid's would lie at its range's ends."""
    for name, limit in (("HumanoidV5", 0.4), ("InvertedPendulumV5", 3.0)):
        behaviour = make_behaviour("random", name, 0)
        keys = jax.random.split(jax.random.key(0), 1000)
        actions = np.asarray(jax.vmap(lambda key, act=behaviour: act(None, key))(keys))
        assert np.abs(actions).max() < limit
        np.testing.assert_allclose(actions.std(axis=0), limit / np.sqrt(3), rtol=0.1)


def test_without_gymnasium_there_is_one_line(monkeypatch):
    monkeypatch.setattr(gymnasium_v5, "find_spec", lambda name: None)
    with pytest.raises(DynsparseError, match="take their models from its package.*pip install"):
        load("AntV5")


def test_jacobians_of_a_small_task_are_right(tmp_path):
    found = verified("InvertedPendulumV5", 30, tmp_path / "pendulum.h5")
    _check_verified(found, 60)


def _check_verified(found, samples):
    assert found["samples"] == samples and found["kinks_and_jumps"] < samples / 2
    assert found["right_share"] == 1.0 and found["false_zeros"] == 0
    assert found["mjx_repeats"] == samples
    assert not (found["without_jacobian"] or found["engine_differs"] or found["other_flags"])


@pytest.mark.slow
@pytest.mark.parametrize("name", GYMNASIUM)
def test_every_task_steps_as_gymnasium_and_has_right_jacobians(name, tmp_path):
    steps = taken(gymnasium_environment(name, "converged"), 200, seed=2)
    found = differences(steps, repeated(name, "converged", steps))
    assert found.pop("terminated") == 0
    assert max(found.values()) < SAME
    found = verified(name, 15, tmp_path / "task.h5")
    if name in DEAR:
        by_engine = compared(steps_of(tmp_path / "task.h5"))
        assert by_engine["right_share"] == 1.0 and by_engine["false_zeros"] == 0
    else:
        _check_verified(found, 30)
