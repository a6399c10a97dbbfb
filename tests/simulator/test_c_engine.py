"""Simulations on MuJoCo's C engine: recorded, replayed bit for bit, differentiated, labelled."""

import json
import sys

import h5py
import mujoco
import numpy as np
import pytest
from click.testing import CliRunner

import dynsparse
from dynsparse.c_engine.collection import collect, record
from dynsparse.c_engine.derivatives import derive
from dynsparse.c_engine.dynamics import EngineDynamics
from dynsparse.c_engine.layout import Sample
from dynsparse.c_engine.recorder import record_episode
from dynsparse.c_engine.simulation import Bare, Outcome, dataset_name
from dynsparse.cli import main
from dynsparse.dataset import open_dataset
from dynsparse.errors import DynsparseError

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
    facts = dict(line.rsplit("  ", 1) for line in result.output.splitlines() if "  " in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    assert facts["replayed bit for bit"] == facts["steps"] == "30"
    assert facts["largest replay difference"] == "0"
    assert int(facts["elements compared"]) > 1000
    assert facts["wrong elements"] == "0"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("next_state", 1e-15, "1 of 30 steps are not repeated bit for bit"),
        ("state_jacobian", 1e-3, "elements are wrong"),
    ],
)
def test_what_is_not_the_simulations_is_not_verified(robot_file, tmp_path, name, change, message):
    """One number is moved, and the digest with it, as a faulty program would write it."""
    from dynsparse.dataset.schema import DIGEST, episode_digest

    path = tmp_path / "x.h5"
    path.write_bytes(robot_file.read_bytes())
    with h5py.File(path, "r+") as file:
        place = (0, 0, 0) if name == "next_state" else (0, 0, 0, 0)
        file[name][place] = file[name][place] + change
        names = [each for each in file if each != DIGEST]
        file[DIGEST][0] = episode_digest({each: file[each][0] for each in names})
    result = run("verify", path, "--samples", 30)
    assert result.exit_code == 1
    assert message in result.output


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
    after, _ = dynamics.described(dynamics.layout.split(found.before))
    np.testing.assert_array_equal(after, found.next_state)


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
    both = run("collect", "--model", idle, "--environment", "X", *sizes)
    assert both.exit_code == 2 and "Give either --environment or --model" in both.output
    expert = run("collect", "--model", idle, "--behaviour", "expert", *sizes)
    refused(expert, "actions are random")


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


def test_how_far_a_recording_is_from_the_model_is_told(robot, tmp_path):
    arrays = recording(robot)
    arrays["qvel"][10, 0] += 0.5  # a real robot, which was bumped into
    with h5py.File(tmp_path / "x.hdf5", "w") as file:  # as Minari has it
        for k in range(2):
            group = file.create_group(f"episode_{k}")
            group["actions"] = arrays["ctrl"]
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
        ({"ctrl": np.array([{"a": 1}], object)}, "cannot be read as npz or HDF5"),
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
    (tmp_path / "x.npz").write_text("nonsense")
    refused(label(tmp_path / "x.npz", robot, tmp_path / "x.h5"), "cannot be read as npz or HDF5")
    refused(label(tmp_path / "absent.npz", robot, tmp_path / "x.h5"), "no such file")
    on_mjx = run("label", tmp_path / "x.npz", "--environment", "HopperHop", "--output", "y.h5")
    refused(on_mjx, "labelled on MuJoCo's C engine")


@pytest.mark.parametrize("name", ["HalfCheetah-v5", "Hopper-v5"])
def test_gymnasiums_steps_are_repeated_bit_for_bit(name, tmp_path):
    pytest.importorskip("gymnasium.envs.mujoco", reason="gymnasium is not installed")
    collect(tmp_path / "x.h5", f"gymnasium:{name}", 0, 1, 10)
    result = run("verify", tmp_path / "x.h5", "--samples", 3)
    assert result.exit_code == 0, result.output
    with open_dataset(tmp_path / "x.h5") as dataset:
        assert json.loads(dataset.info.provenance)["packages"]["gymnasium"]
