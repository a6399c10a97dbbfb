"""Environments of one's own: found, checked, and differentiated like the suite's."""

import json
import sys

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from conftest import settings
from mujoco import mjx
from packages import EXAMPLE, install

from dynsparse import mjx_internals
from dynsparse.collection import collect
from dynsparse.dataset import open_dataset
from dynsparse.environments import engine_steps, load, names, playground_environment
from dynsparse.environments.playground import CONVERGED_SOLVER
from dynsparse.errors import DynsparseError
from dynsparse.jacobians import batched_jacobians
from dynsparse.policies.settings import training_settings
from dynsparse.sources import environment_list
from dynsparse.suite import SUITE, environment_names, own_files

pytestmark = pytest.mark.usefixtures("float64")
TEXT = EXAMPLE.read_text()
CHANGED = """        self._mj_model.opt.iterations = 7
        return self._mj_model
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that installs a module, gone after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def put(module, text=TEXT, **environments):
        return install(tmp_path, module, text, **environments)

    yield put
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def pendulums(installed):
    installed("two_pendulums", TwoPendulums="two_pendulums:TwoPendulums")
    return load("TwoPendulums")


def refused(reason, action, *arguments):
    with pytest.raises(DynsparseError, match=reason) as caught:
        action(*arguments)
    assert "\n" not in str(caught.value)


def test_it_is_one_of_the_environments(installed):
    assert environment_names() == SUITE
    installed("two_pendulums", TwoPendulums="two_pendulums:TwoPendulums")
    assert environment_names() == (*SUITE, "TwoPendulums")


def test_it_has_names_and_steps_like_any_other(pendulums):
    assert pendulums.state_names == (
        "qpos:left [rad]",
        "qpos:right [rad]",
        "qvel:left [rad/s]",
        "qvel:right [rad/s]",
    )
    assert pendulums.action_names == ("ctrl:left [1]", "ctrl:right [1]")
    assert pendulums.contact_names == ("left_bob:right_bob",)
    assert (pendulums.control_dt_s, pendulums.substeps) == (0.02, 4)


def test_it_trains_by_playgrounds_default_settings(installed):
    refused("'TwoPendulums' does not exist", training_settings, "TwoPendulums", {})
    installed("two_pendulums", TwoPendulums="two_pendulums:TwoPendulums")
    settings = training_settings("TwoPendulums", {"num_evals": 3})
    assert settings.arguments["episode_length"] == 1000
    assert settings.evaluations == 2


def test_half_of_its_jacobian_is_zero_until_the_bobs_touch(pendulums):
    apart = [0.5, -0.5, 0.3, 0.2]
    # Hinges 0.3 m apart and bobs of 0.1 m: they touch where both swing in by 0.1 rad and more.
    touching = [-0.12, 0.12, -0.5, 0.5]
    state, action = np.array([apart, touching]), np.array([[0.3, -0.2]] * 2)
    found = batched_jacobians(pendulums, "auto", 2)(state, action, np.zeros((2, 2)))
    assert found.record.contact.tolist() == [[False], [True]]
    other = np.array([[0, 1, 0, 1], [1, 0, 1, 0]] * 2, bool)
    assert (found.state_jacobian[0] == 0).tolist() == other.tolist()
    assert (found.action_jacobian[0] == 0).tolist() == other[:, :2].tolist()
    assert (np.abs(found.state_jacobian[1]) > 1e-6).all()
    repeated = engine_steps(
        pendulums.mj_model, 4, *map(np.asarray, (state, action)), np.zeros((2, 2))
    )
    np.testing.assert_allclose(repeated, found.next_state, atol=1e-8)


def test_its_dataset_says_which_files_it_was_made_with(installed, tmp_path):
    module = installed("two_pendulums", TwoPendulums="two_pendulums:TwoPendulums")
    digests = []
    for edit in ("", "# An edit.\n"):
        module.write_text(TEXT + edit)
        path = tmp_path / f"{len(edit)}.h5"
        collect(path, "TwoPendulums", "random", 0, settings(episodes=1, steps=5, block_episodes=1))
        with open_dataset(path) as dataset:
            facts = json.loads(dataset.info.provenance)["environment"]
        assert (facts["package"], facts["version"]) == ("two_pendulums", "0.1")
        assert facts["class"] == "two_pendulums:TwoPendulums"
        digests.append(facts["files_sha256"])
    assert digests[0] != digests[1]


def test_its_list_changes_with_any_file_of_its_package(installed, tmp_path):
    package = tmp_path / "robots"
    (package / "assets").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('nobody has to import this')")
    (package / "assets" / "arm.xml").write_text("<mujoco/>")
    installed("unused", Arm="robots.arm:Arm", Leg="unused:Leg")
    assert list(own_files("Arm")) == ["__init__.py", "assets/arm.xml"]
    assert list(own_files("Leg")) == ["unused.py"]
    first = environment_list(tmp_path / "library", "Arm").read_text()
    (package / "assets" / "arm.xml").write_text("<mujoco model='arm'/>")
    second = environment_list(tmp_path / "library", "Arm").read_text()
    assert first != second
    assert environment_list(tmp_path / "library", "Leg").name == "environment-Leg.sha256"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("CheetahRun", "mine:Mine", "the name is taken"),
        ("my-robot", "mine:Mine", "letters and digits only"),
    ],
)
def test_refuses_a_name(installed, name, value, reason):
    installed("mine", **{name: value})
    refused(reason, environment_names)


def test_refuses_a_name_that_two_packages_give(installed):
    installed("mine", Robot="mine:Robot")
    installed("yours", Robot="yours:Robot")
    refused("the name is taken", environment_names)


@pytest.mark.parametrize(
    ("value", "text", "reason"),
    [
        ("two_pendulums:Three", TEXT, "cannot be loaded: .*Three"),
        ("two_pendulums:TwoPendulums", "import nonsense_42", "cannot be loaded: .*nonsense_42"),
        ("two_pendulums:default_config", TEXT, "no class that inherits Playground's MjxEnv"),
        (
            "two_pendulums:TwoPendulums",
            TEXT.replace("default_config", "settings"),
            "no function default_config",
        ),
        (
            "two_pendulums:TwoPendulums",
            # The model is changed after MJX has got its copy.
            TEXT.replace("        return self._mj_model\n", CHANGED),
            "mjx_model has to be",
        ),
    ],
)
def test_refuses_what_is_no_environment(installed, value, text, reason):
    installed("two_pendulums", text, TwoPendulums=value)
    refused(reason, load, "TwoPendulums")


def test_refuses_a_package_that_is_not_there(installed):
    installed("mine", Robot="gone.robots:Robot")
    refused("no package 'gone'", own_files, "Robot")
    refused("cannot be loaded: .*gone", load, "Robot")


def test_the_converged_solver_is_refused_where_the_model_is_kept_elsewhere(installed):
    installed("two_pendulums", TwoPendulums="two_pendulums:TwoPendulums")
    iterations = playground_environment("TwoPendulums", "converged").mjx_model.opt.iterations
    assert iterations == CONVERGED_SOLVER["iterations"]
    installed("kept", TEXT.replace("self._mjx_model", "self._kept"), Kept="kept:TwoPendulums")
    assert load("Kept").substeps == 4
    refused("kept as self._mjx_model", load, "Kept", "converged")


def test_refuses_to_collect_where_the_step_is_another(installed, tmp_path):
    scaled = TEXT.replace("state.data, action, self", "state.data, 0.3 * action + 0.5, self")
    assert scaled != TEXT
    installed("two_pendulums", scaled, TwoPendulums="two_pendulums:TwoPendulums")
    short = settings(episodes=1, steps=5, block_episodes=1)
    arguments = (tmp_path / "x.h5", "TwoPendulums", "random", 0, short)
    refused("its step moves the state by something else", collect, *arguments)
    assert not (tmp_path / "x.h5").exists()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            '<motor name="left" joint="left"/>',
            '<general name="left" joint="left" dyntype="integrator"/>',
            "actuator activations",
        ),
        (
            '<option timestep="0.005"/>',
            '<option timestep="0.005"><flag limit="disable"/></option>'
            '<default><joint limited="true" range="-1 1"/></default>',
            "switches constraints off",
        ),
    ],
)
def test_refuses_a_model_that_the_state_does_not_describe(installed, old, new, reason):
    assert old in TEXT
    installed("two_pendulums", TEXT.replace(old, new), TwoPendulums="two_pendulums:TwoPendulums")
    refused(reason, load, "TwoPendulums")


EQUALITIES = """
<mujoco>
  <worldbody>
    <body name="a"><freejoint/><geom size="0.1"/></body>
    <body name="b" pos="1 0 0"><joint name="h" type="hinge" range="-1 1" limited="true"/>
      <geom size="0.1" contype="0"/></body>
    <body name="c" pos="2 0 0"><joint name="s" type="slide"/><geom size="0.1" contype="0"/></body>
  </worldbody>
  <tendon><fixed name="t"><joint joint="h" coef="1"/></fixed></tendon>
  <equality>
    <joint name="gear" joint1="h" joint2="s"/>
    <weld name="glue" body1="a" body2="b"/>
    <tendon name="rope" tendon1="t"/>
    <connect name="pin" body1="b" body2="c" anchor="0.5 0 0"/>
  </equality>
</mujoco>"""


def test_equality_constraints_have_names_in_mjx_order():
    model = mujoco.MjModel.from_xml_string(EQUALITIES)
    found = names.constraint_names(model)
    assert found == (
        *(f"equality:pin.{part}" for part in "xyz"),
        *(f"equality:glue.{part}" for part in ("x", "y", "z", "wx", "wy", "wz")),
        "equality:gear",
        "equality:rope",
        "limit:h",
    )
    assert len(found) == mjx_internals.constraint_row_count(mjx.make_data(model, impl="jax"))
    # The gear's row says by how far it is violated: 0.3 rad of the one against 0.1 m of the other.
    data = mjx.make_data(model, impl="jax").replace(
        qpos=jnp.array([0.0] * 3 + [1, 0, 0, 0, 0.3, 0.1])
    )
    forward = jax.jit(mjx.forward)(mjx.put_model(model, impl="jax"), data)
    np.testing.assert_allclose(forward._impl.efc_pos[found.index("equality:gear")], 0.2)
    np.testing.assert_allclose(forward._impl.efc_pos[found.index("equality:rope")], 0.3)
