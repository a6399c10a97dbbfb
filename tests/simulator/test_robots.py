"""Playground's robots: where their models are from, and what of their steps is recorded."""

import sys

import jax
import numpy as np
import pytest
from packages import EXAMPLE, install

from dynsparse import collection
from dynsparse.environments import dynamics as dynamics_module
from dynsparse.environments import load, robots, simulated_model
from dynsparse.errors import DynsparseError
from dynsparse.policies import behaviours
from dynsparse.policies.behaviours import make_behaviour
from dynsparse.policies.settings import training_settings
from dynsparse.precision import precision
from dynsparse.suite import ROBOTS

MODELS = bool(robots.installed())
needs_models = pytest.mark.skipif(
    not MODELS, reason="no robot models here (pip install --require-hashes -r envs/robots.txt)"
)

# Two pendulums that are handled as robots are: controls are twice the action beside the last
# controls, observations have names, and an episode is done once the left one swings fast enough.
TEXT = EXAMPLE.read_text()
AS_ROBOT = TEXT.replace(
    "mjx_env.step(self._mjx_model, state.data, action,",
    "mjx_env.step(self._mjx_model, state.data, state.data.ctrl / 2 + 2 * action,",
).replace(
    "return state.replace(data=data, obs=self._observation(data), reward=reward)",
    "return state.replace(data=data, obs=self._observation(data), reward=reward,"
    " done=jnp.abs(data.qvel[0]) > 1.5)",
)
AS_ROBOT = AS_ROBOT.replace(
    "return jnp.concatenate(", "return dict(state=jnp.concatenate("
).replace("data.qvel])", "data.qvel]))")


@pytest.fixture
def robot(tmp_path, monkeypatch):
    """A function that installs an environment that counts as a robot."""
    monkeypatch.syspath_prepend(tmp_path)
    for module in (dynamics_module, behaviours):
        monkeypatch.setattr(module, "begins_again", lambda name: True)

    def put(text):
        install(tmp_path, "made_up_robot", text, MadeUpRobot="made_up_robot:TwoPendulums")
        return "MadeUpRobot"

    yield put
    sys.modules.pop("made_up_robot", None)


def rolled(name, steps=30):
    """What two rollouts record, without derivatives; arrays are (episode, time, ...)."""
    dynamics, keys = load(name), collection._episode_keys(1, range(2))
    with precision("float64"):
        actor = make_behaviour("random", name, 0)
        taken = collection._rollouts(dynamics, actor, steps)(actor.parameters, keys)
    return dynamics, {key: np.asarray(values) for key, values in taken.items()}


def test_the_control_is_what_reaches_the_simulator_and_episodes_begin_again(robot):
    dynamics, taken = rolled(robot(AS_ROBOT))
    state, control, ended = taken["state"], taken["action"], taken["terminated"]
    assert ended[:, :-1].sum() >= 2
    # Not clipped to the actuators' range, which is [-1, 1].
    assert np.abs(control).max() > 1
    elsewhere = (state[:, 1:] != taken["next_state"][:, :-1]).any(axis=2)
    np.testing.assert_array_equal(elsewhere, ended[:, :-1])
    last = np.concatenate([np.zeros((2, 1, 2)), control[:, :-1]], axis=1)
    for episode, step in np.argwhere(ended[:, :-1]):
        # Always where it began, with the controls and the memory of then.
        np.testing.assert_array_equal(state[episode, step + 1], state[episode, 0])
        np.testing.assert_array_equal(
            taken["memory"][episode, step + 1], taken["memory"][episode, 0]
        )
        last[episode, step + 1] = 0
    assert np.abs(control - last / 2).max() <= 2
    assert not taken["forced"].any()
    # The step is that of the pendulums, whoever makes the controls.
    with precision("float64"):
        step = jax.jit(jax.vmap(dynamics.step))
        after, _ = step(state[0], control[0], taken["memory"][0])
    np.testing.assert_allclose(after, taken["next_state"][0], rtol=0, atol=1e-12)
    assert not collection._truncated(taken, robot=True)[:, :-1].any()


def test_a_step_that_does_not_call_the_simulator_once_is_refused(robot):
    twice = AS_ROBOT.replace(
        "reward = (1",
        "data = mjx_env.step(self._mjx_model, data, action, 1)\n        reward = (1",
    )
    with pytest.raises(DynsparseError, match="call mjx_env.step once.*it took 4, 1"):
        rolled(robot(twice))


def test_forces_beside_the_actuators_are_refused(robot, tmp_path):
    text = AS_ROBOT.replace(
        "data = mjx_env.step(self._mjx_model, state.data,",
        "data = mjx_env.step(self._mjx_model,"
        " state.data.replace(xfrc_applied=state.data.xfrc_applied.at[1, 0].set(1.0)),",
    )
    assert text != AS_ROBOT
    assert rolled(robot(text), 3)[1]["forced"].all()
    with pytest.raises(DynsparseError, match="in 2 steps forces act beside the actuators"):
        collection._check_forces("MadeUpRobot", np.array([True, False, True]))


def test_a_push_between_two_steps_is_truncated(robot):
    """Velocities are set anew before every step in which the left one swings forward."""
    text = AS_ROBOT.replace(
        "data = mjx_env.step(self._mjx_model, state.data,",
        "pushed = state.data.replace(qvel=jnp.where(state.data.qvel[0] > 0.5, 0.25,"
        " state.data.qvel))\n        data = mjx_env.step(self._mjx_model, pushed,",
    )
    assert text != AS_ROBOT
    _, taken = rolled(robot(text))
    truncated = collection._truncated(taken, robot=True)
    assert truncated[:, :-1].any()
    for episode, step in np.argwhere(truncated[:, :-1]):
        assert taken["next_state"][episode, step, 2] > 0.5
        np.testing.assert_array_equal(taken["state"][episode, step + 1, 2:], 0.25)
    kept = collection._truncated(taken, robot=False)
    assert not kept[:, :-1].any()


def models(shipped):
    with robots.menagerie(shipped, "SpotGetup") as path:
        return path


def test_without_models_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.delenv("MENAGERIE_ROOT", raising=False)
    monkeypatch.setattr(robots, "find_spec", lambda package: None)
    with pytest.raises(DynsparseError, match=r"pip install 'dynsparse\[robots\]'") as caught:
        models(tmp_path / "nowhere")
    assert "\n" not in str(caught.value)


def test_models_of_ones_own_come_first(monkeypatch, tmp_path):
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    assert models(tmp_path / "nowhere") == tmp_path
    for missing in (str(tmp_path / "not there"), ""):
        monkeypatch.setenv("MENAGERIE_ROOT", missing)
        with pytest.raises(DynsparseError, match="MENAGERIE_ROOT is .*, which is no folder"):
            models(tmp_path / "nowhere")


def test_a_folder_without_the_robot_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    with pytest.raises(DynsparseError, match="its robot's model cannot be read") as caught:
        simulated_model("SpotFlatTerrainJoystick")
    assert "\n" not in str(caught.value)


def test_there_are_no_policies_of_robots():
    with pytest.raises(DynsparseError, match="there are no policies of robots"):
        make_behaviour("expert", "SpotGetup", 0)
    with pytest.raises(DynsparseError, match="policies of robots are not trained"):
        training_settings("SpotGetup", {})


def test_the_suites_are_playgrounds():
    from mujoco_playground import locomotion, manipulation

    from dynsparse.suite import LEFT_OUT

    theirs = {*locomotion.ALL_ENVS, *manipulation.ALL_ENVS}
    assert {*ROBOTS, *LEFT_OUT} == theirs


@needs_models
@pytest.mark.parametrize(
    ("name", "sizes", "control"),
    [
        ("Go1JoystickFlatTerrain", (37, 12, 12), "ctrl:FR_hip [rad]"),
        ("PandaPickCubeCartesian", (31, 8, 3), "ctrl:actuator1 [rad]"),
        ("AlohaHandOver", (45, 14, 14), "ctrl:left/waist [rad]"),
    ],
)
def test_a_robot_is_loaded(name, sizes, control):
    found = load(name)
    size = int(found.environment.action_size)
    assert (len(found.state_names), len(found.action_names), size) == sizes
    assert found.action_names[0] == control
    low, high = make_behaviour("random", name, 0).parameters
    assert low.shape == high.shape == (size,)
    assert not np.isfinite(low).any()


@needs_models
def test_a_limit_that_aloha_narrows_is_its_own_alone():
    """Playground writes into the model's limits, of which MJX has the old ones."""
    environment = load("AlohaHandOver").environment
    theirs = environment.mjx_model.actuator_ctrlrange
    np.testing.assert_array_equal(environment.mj_model.actuator_ctrlrange, theirs)
    assert environment._lowers[6] == 0.01
