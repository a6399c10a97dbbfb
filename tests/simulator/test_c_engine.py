"""Simulations on MuJoCo's C engine: recorded, replayed bit for bit, differentiated, labelled."""

import json
import re
import sys
import zipfile

import h5py
import mujoco
import numpy as np
import pytest
from click.testing import CliRunner

import dynsparse
from dynsparse.c_engine.collection import collect, default_held, record
from dynsparse.c_engine.derivatives import derive
from dynsparse.c_engine.dynamics import WARNINGS, EngineDynamics
from dynsparse.c_engine.layout import Sample, integration_state
from dynsparse.c_engine.recorder import record_episode
from dynsparse.c_engine.simulation import Bare, Outcome
from dynsparse.cli import main
from dynsparse.dataset import open_dataset
from dynsparse.dataset.schema import DIGEST, episode_digest
from dynsparse.errors import DynsparseError
from dynsparse.suite import dataset_name

# A cart that is pushed, a box that falls and lies, and nothing between them.
ROBOT = """
<mujoco>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 .1"/>
    <body name="cart" pos="0 3 1"><joint name="cart" type="slide" axis="1 0 0"/>
      <geom size=".1" mass="2"/></body>
    <body pos="0 0 .12"><freejoint name="box"/><geom name="box" type="box" size=".1 .1 .1"/></body>
  </worldbody>
  <actuator><motor name="push" joint="cart" ctrlrange="-3 3"/></actuator>
</mujoco>
"""
# Two carts; the first one's way ends at 0.5.
TWO_CARTS = """
<mujoco>
  <option gravity="0 0 0"/>
  <worldbody>
    <body><joint name="a" type="slide" axis="1 0 0" range="-1 .5" limited="true"/>
      <geom size=".1" mass="1" contype="0"/></body>
    <body><joint name="b" type="slide" axis="1 0 0"/><geom size=".1" mass="2" contype="0"/></body>
  </worldbody>
  <actuator>
    <motor name="push" joint="b"/>
    <general name="slow" joint="b" dyntype="integrator" gainprm="3"/>
  </actuator>
</mujoco>
"""
# A hand that the environment moves, and what it pushes.
HAND = """
<mujoco>
  <worldbody>
    <body name="hand" mocap="true" pos="-.3 0 0"><geom size=".1"/></body>
    <body><joint name="ball" type="slide" axis="1 0 0"/><geom size=".1" mass="1"/></body>
  </worldbody>
  <actuator><motor name="push" joint="ball"/></actuator>
</mujoco>
"""
H = 0.002  # MuJoCo's own time step


@pytest.fixture(scope="module")
def robot(tmp_path_factory):
    path = tmp_path_factory.mktemp("robot") / "robot.xml"
    path.write_text(ROBOT)
    return path


@pytest.fixture(scope="module")
def robot_file(robot):
    """Two episodes of 15 control steps, of five simulator steps each."""
    path = robot.with_name("robot.h5")
    collect(path, f"mjcf:5:{robot}", 3, 2, 15)
    return path


def carts(state, action=((0.0, 0.0),)):
    """One step of the two carts from each state (qpos, qvel, act)."""
    dynamics = EngineDynamics.of("carts", mujoco.MjModel.from_xml_string(TWO_CARTS), 1)
    state = np.array(state, float)
    action = np.broadcast_to(np.array(action, float), (len(state), 2))
    nothing = np.zeros((len(state), len(dynamics.layout.held_names)))
    return dynamics, derive(dynamics, Sample(state, np.zeros((len(state), 2)), action, nothing))


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result, text):
    assert result.exit_code != 0
    assert text in result.output
    assert result.output.count("\n") == 1 and result.output.startswith("error: ")


def test_derivatives_are_those_of_the_equations_of_motion():
    """Velocity by force, position by velocity (semi-implicit Euler), activation by control."""
    dynamics, found = carts([[0.1, -0.2, 0.3, 0.4, 0.5]], [[0.7, 0.9]])
    assert dynamics.state_names[-1] == "act:slow [1]"
    expected = np.zeros((5, 7))
    np.fill_diagonal(expected, 1)
    expected[0, 2] = expected[1, 3] = H
    expected[3, 4], expected[1, 4] = 3 * H / 2, 3 * H**2 / 2  # force by activation, mass 2
    expected[3, 5], expected[1, 5], expected[4, 6] = H / 2, H**2 / 2, H
    np.testing.assert_allclose(found.jacobian[0], expected, atol=1e-9)
    assert found.element_ok.all()


def test_validity_is_told_element_by_element():
    """Where the limit begins there is no derivative by that position, and one by all else."""
    dynamics, found = carts([[0.5, 0.1, 0.2, 0.3, 0.0], [0.4, 0.1, 0.2, 0.3, 0.0]])
    at_the_limit = found.element_ok[0]
    assert not at_the_limit[:, 0].any()
    assert at_the_limit[:, 1:].all()
    assert found.element_ok[1].all()


# Four carts that do not know of each other; only the first one's force bends.
BENT = """
<mujoco>
  <option gravity="0 0 0"/>
  <worldbody>
    <body><joint name="a" type="slide" axis="1 0 0" {joint}/><geom size=".1" mass="2"
      contype="0"/></body>
    <body pos="0 1 0"><joint name="b" type="slide" axis="1 0 0" stiffness="3"/>
      <geom size=".1" mass="2" contype="0"/></body>
    <body pos="0 2 0"><joint name="c" type="slide" axis="1 0 0" damping="3"/>
      <geom size=".1" mass="2" contype="0"/></body>
    <body pos="0 3 0"><joint name="d" type="slide" axis="1 0 0"/>
      <geom size=".1" mass="2" contype="0"/></body>
  </worldbody>
  <tendon>{tendon}</tendon>
  <actuator>{actuator}<motor name="other" joint="b"/></actuator>
</mujoco>
"""
MOTOR, CORD = (
    '<motor name="m" joint="a" gear="25" {}/>',
    '<fixed name="t" {}>' + ('<joint joint="a" coef="1"/></fixed>'),
)
AT_THE_END = MOTOR.format('ctrllimited="true" ctrlrange="-1 1"')


@pytest.mark.parametrize(
    ("parts", "position", "control", "column"),
    [
        ({"actuator": AT_THE_END}, 0, 1, 8),
        ({"actuator": AT_THE_END}, 0, -1, 8),
        ({"actuator": MOTOR.format('forcelimited="true" forcerange="-.2 .2"')}, 0, 0.2, 8),
        ({"tendon": CORD.format('stiffness="50" springlength="0 .3"')}, 0.3, 0, 0),
        ({"tendon": CORD.format('limited="true" range="-1 .3"')}, 0.3, 0, 0),
        ({"joint": 'limited="true" range="-1 .3"'}, 0.3, 0.5, 0),
        ({"joint": 'limited="true" range="-1 .3" margin=".1"'}, 0.2, -0.5, 0),
    ],
    ids=["top", "bottom", "force", "rest", "tendon", "limit", "margin"],
)
def test_where_a_slope_jumps_at_the_sample_itself_there_is_none(parts, position, control, column):
    """Central differences of all widths agree there, on the mean of both sides."""
    given = {"joint": "", "tendon": "", "actuator": MOTOR.format("")} | parts
    dynamics = EngineDynamics.of("bent", mujoco.MjModel.from_xml_string(BENT.format(**given)), 1)
    state, action = np.zeros((2, 8)), np.zeros((2, 2))
    state[:, 0], state[:, 4:], action[:, 0] = position, 0.1, control
    state[1, 0], action[1, 0] = 0.9 * position, 0.9 * control  # a little off the bend
    held = np.tile(default_held(dynamics), (2, 1))
    known = derive(dynamics, Sample(state, np.zeros((2, 4)), action, held)).element_ok
    assert not known[0, 4, column] and known[1].all()
    others = np.arange(10) != column
    assert known[0][:, others].all()


def test_strong_curvature_is_no_bend():
    """A pendulum's force is bent by a lot, smoothly."""
    model = """<mujoco><worldbody><body><joint name="a"/><joint name="b" axis="1 0 0"/>
      <geom size=".1" pos="0 .2 1"/></body></worldbody><actuator><general joint="a" gainprm="0"
      biastype="affine" biasprm="0 -1e5 -10"/></actuator></mujoco>"""
    dynamics = EngineDynamics.of("bent", mujoco.MjModel.from_xml_string(model), 5)
    state = np.random.default_rng(0).normal(size=(5, 4))
    held = np.tile(default_held(dynamics), (5, 1))
    found = derive(dynamics, Sample(state, np.zeros((5, 2)), np.zeros((5, 1)), held))
    assert found.element_ok.all()


def test_limits_that_push_are_recorded():
    dynamics, found = carts([[0.6, 0, 0, 0, 0], [0.4, 0, 0, 0, 0]])
    assert dynamics.constraint_names == ("limit:a",)
    assert found.facts.constraint_active[:, 0].tolist() == [True, False]
    assert found.facts.solver_converged.all()


def test_a_bare_model_gives_a_dataset_like_any_other(robot_file):
    with open_dataset(robot_file) as dataset:
        info, episodes = dataset.info, list(dataset.episodes())
    assert (info.environment, info.behaviour, info.method) == ("robot", "random", "mujoco_c")
    assert info.contact_names == ("floor:cart.geom1", "floor:box", "cart.geom1:box")
    assert info.control_dt_s == pytest.approx(5 * H)
    for episode in episodes:
        np.testing.assert_array_equal(episode.next_state[:-1], episode.state[1:])
        np.testing.assert_array_equal(
            episode.jacobian_ok, episode.jacobian_element_ok.all(axis=(1, 2))
        )
        assert np.abs(episode.action).max() > 1  # in the actuator's range
        assert episode.contact[-1].any() and not episode.contact[0].any()
    assert not np.array_equal(episodes[0].state, episodes[1].state)
    assert "held_names: time[0]" in run("info", robot_file).output
    assert "% of elements known" in run("info", robot_file).output


def test_cart_and_box_do_not_know_of_each_other(robot_file):
    data = dynsparse.load(robot_file)
    elements = dynsparse.zeros(data, 1e-9).elements.to_pandas()
    between = elements.row_name.str.contains("cart") ^ elements.column_name.str.contains(
        "cart|push"
    )
    assert between.sum() > 50
    counted = elements[between]
    assert (counted.samples > 0).all()
    assert (counted.zeros == counted.samples).all()
    own = elements.query("row_name.str.contains('qvel:cart') and column_name.str.contains('push')")
    assert (own.zeros == 0).all()


def test_statistics_count_each_element_where_it_is_known(robot_file):
    data = dynsparse.load(robot_file)
    known = np.concatenate([episode.jacobian_element_ok for episode in data])
    found = dynsparse.zeros(data, 1e-9).elements.to_pandas().query("jacobian == 'state'")
    size = known.shape[1]
    expected = known[:, :, :size].sum(axis=0).ravel()
    assert found.sort_values(["row", "column"]).samples.tolist() == expected.tolist()
    masked = data[0].jacobian()
    np.testing.assert_array_equal(np.isnan(masked), ~data[0].jacobian_element_ok)
    np.testing.assert_array_equal(data[0].zeros(1e-9).mask, ~data[0].jacobian_element_ok)
    first = data[0].jacobian("qvel:cart", "ctrl:push")
    np.testing.assert_array_equal(first, masked[:, data.state_names.index("qvel:cart"), -1])


def test_the_same_seed_gives_the_same_data(robot, robot_file, tmp_path):
    collect(tmp_path / "again.h5", f"mjcf:5:{robot}", 3, 2, 15)
    with h5py.File(tmp_path / "again.h5") as again, h5py.File(robot_file) as file:
        assert set(again) == set(file)
        for name in file:
            np.testing.assert_array_equal(again[name][()], file[name][()])


def test_a_file_is_verified_bit_for_bit(robot_file):
    result = run("verify", robot_file, "--samples", 10)
    assert result.exit_code == 0, result.output
    facts = told(result)
    assert facts["replayed bit for bit"] == facts["steps"] == "30"
    assert facts["largest replay difference"] == "0"
    assert int(facts["elements compared"]) > 1000
    assert facts["wrong elements"] == "0"
    assert facts["known, but undecided by these widths"] == "0"


def told(result):
    """The facts in a table of two columns."""
    facts = dict(line.rsplit("  ", 1) for line in result.output.splitlines() if "  " in line)
    return {key.strip(): value.strip() for key, value in facts.items()}


def planted(robot_file, path, plant):
    """The file with a fault, and its digests with it, as a faulty program would write them."""
    path.write_bytes(robot_file.read_bytes())
    with h5py.File(path, "r+") as file:
        plant(file)
        names = [each for each in file if each != DIGEST]
        for k in range(len(file[DIGEST])):
            file[DIGEST][k] = episode_digest({each: file[each][k] for each in names})
    return path


def moved(name, place, by):
    def plant(file):
        file[name][place] = file[name][place] + by

    return plant


def turned(name, place):
    def plant(file):
        file[name][place] = ~file[name][place]

    return plant


def named(attribute, old, new):
    def plant(file):
        file.attrs[attribute] = file.attrs[attribute].replace(old, new)

    return plant


def known_only(rows):
    """Of the first state's elements by all inputs in some rows, and of no others."""

    def plant(file):
        known = np.zeros(file["jacobian_element_ok"].shape, bool)
        known[:, :, rows] = file["jacobian_element_ok"][:, :, rows]
        file["jacobian_element_ok"][...] = known
        file["jacobian_ok"][...] = False
        for name in ("tangent_state_jacobian", "tangent_action_jacobian"):
            file[name][...] = np.nan

    return plant


def swapped(file):
    """Two steps of an episode, each right by itself."""
    for name in file:
        if name != DIGEST:
            values = file[name][0]
            values[[2, 5]] = values[[5, 2]]
            file[name][0] = values


def never_bent(file):
    """As central differences have it: one control is at the end of its range throughout."""
    file["jacobian_element_ok"][...] = True
    file["jacobian_ok"][...] = True


def twins(file):
    for name in file:
        file[name][1] = file[name][0]


def by_action(old, new):
    """Elements of the action's Jacobian, of which one thing becomes another."""

    def plant(file):
        values = file["action_jacobian"][()]
        file["action_jacobian"][...] = np.where(old(np.abs(values)), new(values), values)

    return plant


def test_the_mean_of_two_slopes_is_not_verified(tmp_path):
    """Of a robot whose one of many controls is at the end of its range throughout."""
    model = tmp_path / "bent.xml"
    model.write_text(BENT.format(joint="", tendon="", actuator=AT_THE_END))
    states = np.random.default_rng(0).normal(size=(10, 4))
    arrays = {"qpos": states, "qvel": states, "ctrl": np.tile([1.0, 0.3], (10, 1))}
    np.savez(tmp_path / "x.npz", **arrays)
    made = run("label", tmp_path / "x.npz", "--model", model, "--output", tmp_path / "x.h5")
    assert made.exit_code == 0, made.output
    assert run("verify", tmp_path / "x.h5").exit_code == 0
    path = planted(tmp_path / "x.h5", tmp_path / "y.h5", never_bent)
    refused_by = run("verify", path)
    assert refused_by.exit_code == 1
    assert "20 of 800 elements are wrong" in refused_by.output


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (moved("next_state", (0, 0, 0), 1e-15), "1 of 30 steps are not repeated bit for bit"),
        (moved("state_jacobian", (0, 0, 0, 0), 1e-3), "elements are wrong"),
        (by_action(lambda size: size == 0, lambda x: 1e-6), "elements are wrong"),
        # Below what differences tell beside the largest element, where nothing moves at all.
        (by_action(lambda size: size == 0, lambda x: 5e-8), "elements are wrong"),
        (moved("memory", (0, 3, 0), 1e-12), "1 of 30 steps have another warm start"),
        (lambda file: file.attrs.update(behaviour="recorded"), "a recording has seed 0"),
        (by_action(lambda size: (size > 1e-3) & (size < 1), lambda x: 0), "elements are wrong"),
        (by_action(lambda size: size > 1e-6, lambda x: 1.01 * x), "elements are wrong"),
        (moved("tangent_state_jacobian", (1, 4, 2, 2), 1e-6), "1 of 30 steps have other tangent"),
        (turned("contact", (1, 2, 0)), "contacts when taken again, first episode 1, step 2"),
        (turned("solver_converged", (0, 3)), "1 of 30 steps have another solver_converged"),
        (turned("jacobian_ok", (0, 3)), "1 of 30 steps have a jacobian_ok that is not that"),
        (turned("truncated", (0, 3)), "1 of 30 steps are truncated where they should not be"),
        (moved("reward", (1, 3), 0.5), "1 of 30 steps have another reward when recorded again"),
        (turned("terminated", (0, 14)), "1 of 30 steps have another end when recorded again"),
        (moved("held", (0, 14, 0), 5.0), "1 of 30 steps have other inputs beside the controls"),
        (lambda file: file.attrs.update(seed=4), "30 of 30 steps are not those that their seed"),
        (lambda file: file.attrs.update(behaviour="half"), "behaviour is 'half' where 'random or"),
        (known_only([0]), "elements are called unknown that differences tell"),
        (swapped, "4 steps do not start where the last one"),
        (twins, "1 episodes begin and act as an earlier one"),
        (
            named("state_names", "qvel:cart", "qvel:card"),
            "number 8 is 'qvel:card [m/s]' where",
        ),
        (
            named("contact_names", "floor:box", "box:floor"),
            "number 1 is 'box:floor' where",
        ),
        (
            named("tangent_names", "dqpos:cart", "dqpos:card"),
            "number 0 is 'dqpos:card [m]'",
        ),
        (named("held_names", "time[0]", "time[1]"), "nothing that is held is called 'time[1]'"),
        (
            named("environment", "robot", "HopperHop"),
            "environment is 'HopperHop' where 'robot'",
        ),
        (named("provenance", '"substeps": 5', '"substeps": 4'), "has 4 simulator steps"),
        (
            lambda file: file.attrs.update(control_dt_s=0.02),
            "control_dt_s is 0.02 where 0.01",
        ),
    ],
)
def test_what_is_not_the_simulations_is_not_verified(robot_file, tmp_path, plant, message):
    path = planted(robot_file, tmp_path / "x.h5", plant)
    result = run("verify", path, "--samples", 1)
    assert result.exit_code == 1
    assert message in result.output, result.output


def test_a_file_is_of_its_model_and_no_other(robot_file, tmp_path):
    moved, other = tmp_path / "moved.xml", tmp_path / "other.xml"
    moved.write_text(ROBOT)
    other.write_text(ROBOT.replace('mass="2"', 'mass="3"'))
    assert run("verify", robot_file, "--samples", 1, "--model", moved).exit_code == 0
    refused(run("verify", robot_file, "--model", other), "is another model now")
    refused(run("verify", robot_file, "--model", tmp_path / "absent.xml"), "no such file")
    refused(run("verify", robot_file, "--environment", "gymnasium:X"), "it was made of mjcf")


class Environment(Bare):
    """A bare model, with something in its step beside the simulator's."""

    def __init__(self, then, xml=TWO_CARTS):
        super().__init__(mujoco.MjModel.from_xml_string(xml))
        self.then = then

    def step(self, rng):
        self.data.ctrl[:] = rng.uniform(-1, 1, self.model.nu)
        self.then(self.model, self.data)
        return Outcome(1.0, False)


def in_halves(model, data):
    mujoco.mj_step1(model, data)
    mujoco.mj_step2(model, data)


def moves_afterwards(model, data):
    mujoco.mj_step(model, data)
    data.qpos[1] += 0.25


def moves_in_between(model, data):
    mujoco.mj_step(model, data)
    data.qvel[0] = 0.5
    mujoco.mj_step(model, data)


def moves_before(model, data):
    data.qpos[0] -= 0.125
    mujoco.mj_step(model, data)


def controls(model, data):
    mujoco.mj_step(model, data)
    data.ctrl[0] = -data.qpos[1]
    mujoco.mj_step(model, data)


@pytest.mark.parametrize(
    ("then", "message"),
    [
        (moves_afterwards, r"moves qpos:b \[m\] itself, .* \(control step 0, by 0.25\)"),
        (moves_in_between, r"moves qvel:a \[m/s\] itself"),
        (moves_before, r"moves qpos:a \[m\] itself, .* \(control step 1, by 0.12\)"),
        (controls, "controls or forces change within control step 0"),
        (lambda model, data: None, "does not call mujoco.mj_step"),
        (lambda model, data: mujoco.mj_step(model, data, nstep=0), "makes no simulator step"),
        (lambda model, data: {}["key"], "'mine': KeyError: 'key'"),
    ],
)
def test_what_records_do_not_tell_is_refused_with_the_reason(then, message):
    before = mujoco.mj_step
    with pytest.raises(DynsparseError, match=message):
        record_episode("mine", Environment(then), 0, 3)
    assert mujoco.mj_step is before


def test_a_step_in_two_halves_is_a_step():
    found = record_episode("mine", Environment(in_halves), 0, 5)
    dynamics = EngineDynamics.of("mine", found.model, found.substeps)
    after, *_ = dynamics.described(dynamics.layout.split(found.before))
    np.testing.assert_array_equal(after, found.next_state)


def test_what_the_engine_resets_is_no_step(tmp_path):
    """A joint whose spring drives it away, and bodies whose contacts do not fit in memory."""
    sizes = ["--episodes", 1, "--steps", 60, "--seed", 0, "--output", tmp_path / "x.h5"]
    (tmp_path / "away.xml").write_text(AWAY)
    refused(
        run("collect", "--model", tmp_path / "away.xml", *sizes), "a value of qacc is no number"
    )
    (tmp_path / "full.xml").write_text(
        ROBOT.replace("<worldbody>", '<size memory="6K"/><worldbody>')
    )
    refused(run("collect", "--model", tmp_path / "full.xml", *sizes), "do not fit in the memory")
    assert not (tmp_path / "x.h5").exists()


AWAY = """<mujoco><option timestep=".05"/><worldbody><body>
  <joint name="a" axis="1 0 0"/><geom size=".1" pos="0 .1 0"/></body></worldbody>
  <actuator><general joint="a" gainprm="0" biastype="affine" biasprm="0 5000 0"/></actuator>
</mujoco>"""


@pytest.mark.parametrize(
    ("state", "control", "words"),
    [
        ([1e11, 0], 0, "qpos"),
        ([0, 1e11], 0, "qvel"),
        ([0, np.nan], 0, "qvel"),
        ([0, 0], np.nan, "ctrl"),
        ([0, 0], 0, ""),
    ],
)
def test_warnings_of_a_step_are_those_of_this_step(state, control, words, capfd):
    """Whatever went before it in the same data, and without a word on the terminal."""
    dynamics = EngineDynamics.of("away", mujoco.MjModel.from_xml_string(AWAY), 2)
    held = np.tile(default_held(dynamics), (3, 1))
    state, action = np.array([[1e11, 0], state, [0, 0]], float), np.array([[0], [control], [0]])
    sample = Sample(state, np.zeros((3, 1)), action.astype(float), held)
    after, _, warned = dynamics.described(sample)
    said = [text for text, each in zip(WARNINGS.values(), warned[1], strict=True) if each]
    assert [words in text for text in said] == [True] * bool(words)
    assert warned[0].any() and not warned[2].any()
    with pytest.raises(DynsparseError, match="episode 4, step 0 .* of 3 steps are none"):
        dynamics.require_steps(4, after, warned)
    dynamics.require_steps(4, after[2:], warned[2:])
    assert capfd.readouterr() == ("", "")


def test_a_difference_across_a_reset_is_none():
    """One more would be beyond what MuJoCo takes."""
    dynamics = EngineDynamics.of("away", mujoco.MjModel.from_xml_string(AWAY), 1)
    state = np.array([[np.nextafter(1e10, 0), 0]])
    sample = Sample(state, np.zeros((1, 1)), np.zeros((1, 1)), default_held(dynamics)[None])
    with np.errstate(invalid="ignore"):
        assert not derive(dynamics, sample).element_ok[:, :, 0].any()


class Hand:
    """An environment like Gymnasium's, which moves a hand by its action."""

    def __init__(self):
        self.model = mujoco.MjModel.from_xml_string(HAND)
        self.data = mujoco.MjData(self.model)
        self.action_space = type(
            "Box", (), {"low": -np.ones(1), "high": np.ones(1), "dtype": float}
        )

    def reset(self, seed):
        mujoco.mj_resetData(self.model, self.data)

    def step(self, action):
        self.data.mocap_pos[0, 0] += 0.05 * abs(action[0])
        mujoco.mj_step(self.model, self.data, nstep=3)
        return None, 0.5, False, False, {}


def test_what_is_set_beside_the_controls_is_kept_and_held(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hands", type("hands", (), {"make": Hand}))
    path = tmp_path / "hand.h5"
    collect(path, "callable:hands:make", 0, 1, 12)
    with open_dataset(path) as dataset:
        assert dataset.info.environment == "hands-make"
        assert dataset.info.held_names == ("time[0]", "mocap_pos[0]")
        (episode,) = dataset.episodes()
    assert episode.contact.any() and episode.reward.sum() == 6
    refused(run("verify", path), "run only if you say so: --environment callable:hands:make")
    result = run("verify", path, "--environment", "callable:hands:make")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "absent.xml"], "absent.xml: no such file"),
        (["--model", "a" * 300], "aaa: no such file"),
        (["--environment", "gymnasium:Nonsense-v1"], "environment 'gymnasium:Nonsense-v1'"),
        (["--environment", "dm_control:no-such"], "environment 'dm_control:no-such'"),
        (["--environment", "callable:math:tau"], "module 'math' has no 'tau'"),
        (["--environment", "callable:nowhere:make"], "'nowhere' cannot be imported"),
        (["--environment", "callable:builtins:dict"], "has to give an environment"),
    ],
)
def test_what_is_no_simulation_is_refused_in_one_line(tmp_path, arguments, message):
    sizes = ["--episodes", 1, "--steps", 2, "--seed", 0, "--output", tmp_path / "x.h5"]
    refused(run("collect", *arguments, *sizes), message)
    assert not list(tmp_path.iterdir())


def test_a_model_that_cannot_be_loaded_is_refused_in_one_line(tmp_path):
    sizes = ["--episodes", 1, "--steps", 2, "--seed", 0, "--output", tmp_path / "x.h5"]
    broken, idle = tmp_path / "broken.xml", tmp_path / "idle.xml"
    broken.write_text("<mujoco>\n<worldbody><geom/></worldbody>")
    idle.write_text("<mujoco/>")
    refused(run("collect", "--model", broken, *sizes), f"{broken}: MuJoCo cannot load it")
    refused(run("collect", "--model", idle, *sizes), "the model has no actuators")
    stiff = tmp_path / "stiff.xml"
    stiff.write_text(STIFF)
    refused(run("collect", "--model", stiff, *sizes), f"{stiff}: the model has no joints")
    for substeps in (0, 10**9, 10**30):
        of = f"mjcf:{substeps}:{idle}"
        refused(run("collect", "--environment", of, *sizes), "1 to 10000 simulator steps")
    refused(run("collect", "--environment", "mjcf:", *sizes), "mjcf:<file> or mjcf:<steps>:<file>")
    both = run("collect", "--model", idle, "--environment", "X", *sizes)
    assert both.exit_code == 2 and "Give either --environment or --model" in both.output
    expert = run("collect", "--model", idle, "--behaviour", "expert", *sizes)
    refused(expert, "actions are random")


# An actuator, and nothing that it could move.
STIFF = """<mujoco><worldbody><body><geom size=".1"/><site name="s"/></body></worldbody>
  <actuator><motor site="s"/></actuator></mujoco>"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<worldbody>", '<option><flag sleep="enable"/></option><worldbody>', "has flag sleep"),
        ("<worldbody>", '<option timestep="0"/><worldbody>', "its time step is 0"),
        ("<motor ", '<motor delay=".01" nsample="9" ', "a history (delays of actuators or"),
    ],
)
def test_a_state_that_is_more_than_what_is_recorded_is_refused_by_name(old, new, message):
    model = mujoco.MjModel.from_xml_string(ROBOT.replace(old, new))
    with pytest.raises(DynsparseError, match=re.escape(message)):
        EngineDynamics.of("robot", model, 1)


def test_what_touches_a_flex_has_a_name():
    cloth = """<flexcomp name="cloth" type="grid" count="3 3 1" spacing=".1 .1 .1"
      pos="0 0 .005" radius=".01" mass=".1"/></worldbody>"""
    model = mujoco.MjModel.from_xml_string(ROBOT.replace("</worldbody>", cloth))
    dynamics = EngineDynamics.of("robot", model, 1)
    start = mujoco.MjData(model)
    sample = dynamics.layout.split(integration_state(model, start)[None])
    _, facts, _ = dynamics.described(sample)
    touching = [n for n, each in zip(dynamics.contact_names, facts.contact[0], strict=True) if each]
    assert touching == ["floor:flex cloth"]
    assert "flex cloth:flex cloth" in dynamics.contact_names


def test_names_of_datasets_are_letters_digits_and_hyphens():
    names = {
        "gymnasium:HalfCheetah-v5": "HalfCheetah-v5",
        "gymnasium:mine:My/Env-v0": "mine-My-Env-v0",
        "mjcf:5:/a/b/my_robot.xml": "my-robot",
        "dm_control:dog-walk": "dog-walk",
        "callable:a.b:make": "a-b-make",
    }
    assert {name: dataset_name(name) for name in names} == names


# Recordings.


def recording(robot):
    """What one recorded episode of the robot hands on: states one more than controls."""
    (found,) = record(f"mjcf:5:{robot}", 8, 1, 20)
    dynamics = EngineDynamics.of("robot", found.model, found.substeps)
    sample = dynamics.layout.split(found.before)
    state = np.concatenate([sample.state, found.next_state[-1:]])
    qpos, qvel = np.split(state, [found.model.nq], axis=1)
    return {"qpos": qpos, "qvel": qvel, "ctrl": sample.action, "qacc_warmstart": sample.memory}


def label(path, robot, output):
    return run("label", path, "--model", robot, "--substeps", 5, "--output", output)


def test_a_recording_of_the_model_itself_is_repeated(robot, tmp_path):
    arrays = recording(robot)
    np.savez(tmp_path / "x.npz", **arrays)
    result = label(tmp_path / "x.npz", robot, tmp_path / "x.h5")
    assert result.exit_code == 0, result.output
    table = [line.split() for line in result.output.splitlines() if line.startswith("q")]
    assert len(table) == 15 and all(row[-2:] == ["0", "0"] for row in table)
    with open_dataset(tmp_path / "x.h5") as dataset:
        assert dataset.info.behaviour == "recorded"
        (episode,) = dataset.episodes()
    np.testing.assert_array_equal(episode.state[:, :8], arrays["qpos"][:-1])
    assert run("verify", tmp_path / "x.h5", "--samples", 5).exit_code == 0
    paid = planted(tmp_path / "x.h5", tmp_path / "y.h5", moved("reward", (0, 3), 5.0))
    refused_by = run("verify", paid, "--samples", 1)
    assert refused_by.exit_code == 1
    assert "have a reward or an end, of which a recording tells nothing" in refused_by.output


def test_how_far_a_recording_is_from_the_model_is_told(robot, tmp_path):
    arrays = recording(robot)
    arrays["qvel"][10, 0] += 0.5  # a real robot, which was bumped into
    with h5py.File(tmp_path / "x.hdf5", "w") as file:  # as Minari has it
        for k in range(2):
            group = file.create_group(f"episode_{k}")
            group["actions"] = arrays["ctrl"]
            group["actions"][-1] *= 0.9 + 0.1 * k
            group["infos/qpos"], group["infos/qvel"] = arrays["qpos"], arrays["qvel"]
    result = label(tmp_path / "x.hdf5", robot, tmp_path / "x.h5")
    assert result.exit_code == 0, result.output
    (cart,) = [line.split() for line in result.output.splitlines() if "qvel:cart" in line]
    assert float(cart[-1]) == pytest.approx(0.5, abs=1e-3) and float(cart[-2]) < 1e-6
    result = run("verify", tmp_path / "x.h5", "--samples", 5)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ctrl": None}, "ctrl missing"),
        ({"qpos": np.zeros((20, 3))}, "qpos has 3 columns"),
        ({"qvel": np.zeros((5, 7))}, "qvel (1, 5, 7) does not go with ctrl"),
        ({"qvel": np.full((20, 7), np.nan)}, "qvel has values that are not finite"),
        ({"ctrl": np.zeros(20)}, "ctrl (20,) of float64 should be numbers"),
        ({"ctrl": np.array([[{"a": 1}]] * 20, object)}, "ctrl holds Python objects, and these"),
        ({"qvel": np.zeros((20, 7), [("a", float)])}, "should be real numbers"),
        ({"qpos": np.zeros((21, 8))}, "columns 4 to 7 of qpos are an orientation, but no unit"),
        ({"qvel": np.full((20, 7), 1e11)}, "a value of qvel is no number or beyond 1e10"),
    ],
)
def test_a_recording_that_does_not_fit_is_refused_in_one_line(robot, tmp_path, change, message):
    arrays = {**recording(robot), **change}
    np.savez(tmp_path / "x.npz", **{k: v for k, v in arrays.items() if v is not None})
    refused(label(tmp_path / "x.npz", robot, tmp_path / "x.h5"), message)
    assert not (tmp_path / "x.h5").exists()


def test_recordings_of_strangers_are_read_from_their_own_file(robot, tmp_path):
    arrays = recording(robot)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["qpos"] = arrays["qpos"]
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["qvel"], file["ctrl"] = arrays["qvel"], arrays["ctrl"]
        file["qpos"] = h5py.ExternalLink("other.h5", "qpos")
    refused(label(tmp_path / "x.hdf5", robot, tmp_path / "x.h5"), "nothing outside was read")
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["episode_0"] = h5py.ExternalLink("other.h5", "/")
    refused(label(tmp_path / "x.hdf5", robot, tmp_path / "x.h5"), "nothing outside was read")
    (tmp_path / "x.npz").write_text("nonsense")
    refused(label(tmp_path / "x.npz", robot, tmp_path / "x.h5"), "neither HDF5 nor npz")
    np.save(tmp_path / "x.npy", arrays["qpos"])
    refused(label(tmp_path / "x.npy", robot, tmp_path / "x.h5"), "neither HDF5 nor npz")
    refused(label(tmp_path / "absent.npz", robot, tmp_path / "x.h5"), "no such file")
    on_mjx = run("label", tmp_path / "x.npz", "--environment", "HopperHop", "--output", "y.h5")
    refused(on_mjx, "labelled on MuJoCo's C engine")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("{'descr': (", "its header cannot be read"),
        ("{'descr': (), 'fortran_order': False, 'shape': (20, 8)}", "its header cannot be read"),
        ("{[]: 1}", "its header cannot be read"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 8)}", "(-1, 8) is no shape"),
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 20, 8)}",
            "does not go with ctrl",
        ),
    ],
)
def test_headers_of_strangers_are_looked_at_first(robot, tmp_path, header, message):
    np.savez(tmp_path / "good.npz", **recording(robot))
    magic = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    with (
        zipfile.ZipFile(tmp_path / "good.npz") as good,
        zipfile.ZipFile(tmp_path / "x.npz", "w") as file,
    ):
        for name in good.namelist():
            content = magic + header.encode() if name == "qpos.npy" else good.read(name)
            file.writestr(name, content)
    refused(label(tmp_path / "x.npz", robot, tmp_path / "x.h5"), message)


def test_claims_of_strangers_are_held_against_their_file(robot, tmp_path):
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        for name, columns in (("qpos", 8), ("qvel", 7), ("ctrl", 1)):
            file.create_dataset(name, (10**9, columns), float, chunks=(1000, columns))
    refused(label(tmp_path / "x.hdf5", robot, tmp_path / "x.h5"), "which a file of")
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        for name, columns in (("qpos", 8), ("qvel", 7), ("ctrl", 1)):
            file.create_dataset(name, (10**8, columns), float, chunks=(10**8, columns))
    refused(label(tmp_path / "x.hdf5", robot, tmp_path / "x.h5"), "write it with smaller ones")


@pytest.mark.parametrize("name", ["HalfCheetah-v5", "Hopper-v5"])
def test_gymnasiums_steps_are_repeated_bit_for_bit(name, tmp_path):
    pytest.importorskip("gymnasium.envs.mujoco", reason="gymnasium is not installed")
    collect(tmp_path / "x.h5", f"gymnasium:{name}", 0, 1, 10)
    result = run("verify", tmp_path / "x.h5", "--samples", 3)
    assert result.exit_code == 0, result.output
    with open_dataset(tmp_path / "x.h5") as dataset:
        assert json.loads(dataset.info.provenance)["packages"]["gymnasium"]
