"""Environments of one's own: found, checked, and differentiated like the suite's."""

import json
import sys

import jax
import mujoco
import numpy as np
import pytest
from mujoco import mjx
from packages import EXAMPLE, install
from projects import ROOT

from dynsparse import mjx_internals
from dynsparse.audit.traceability import changed_package
from dynsparse.collection import CollectionSettings, collect
from dynsparse.dataset import open_dataset
from dynsparse.environments import engine_steps, load, names, playground_environment
from dynsparse.environments.playground import CONVERGED_SOLVER
from dynsparse.errors import DynsparseError
from dynsparse.jacobians import batched_jacobians
from dynsparse.policies.behaviours import make_behaviour
from dynsparse.policies.c_training import read_fields
from dynsparse.policies.settings import training_settings
from dynsparse.running.code_digests import environment_list
from dynsparse.suite import SUITE, environment_names, own_environment, own_files

pytestmark = pytest.mark.usefixtures("float64")
TEXT = EXAMPLE.read_text()
EXPERTS = ROOT / "resources/experts"
SHORT = CollectionSettings(1, 5, "mujoco_c", "as_shipped", "float64", 1, 50)
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
    installed("own_pendulums", OwnPendulums="own_pendulums:TwoPendulums")
    return load("OwnPendulums")


def refused(reason, action, *arguments):
    with pytest.raises(DynsparseError, match=reason) as caught:
        action(*arguments)
    assert "\n" not in str(caught.value)


def test_it_is_one_of_the_environments(installed):
    assert environment_names()[: len(SUITE)] == SUITE
    assert "OwnPendulums" not in environment_names()
    installed("own_pendulums", OwnPendulums="own_pendulums:TwoPendulums")
    assert "OwnPendulums" in environment_names()


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
    refused("'OwnPendulums' does not exist", training_settings, "OwnPendulums", {})
    installed("own_pendulums", OwnPendulums="own_pendulums:TwoPendulums")
    settings = training_settings("OwnPendulums", {"num_evals": 3})
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
    repeated = engine_steps(pendulums.mj_model, 4, state, action, np.zeros((2, 2)))
    np.testing.assert_allclose(repeated, found.next_state, atol=1e-8)


def test_its_dataset_says_which_files_it_was_made_with(installed, tmp_path):
    module = installed("own_pendulums", OwnPendulums="own_pendulums:TwoPendulums")
    digests, infos = [], []
    for edit in ("", "# An edit.\n"):
        module.write_text(TEXT + edit)
        path = tmp_path / f"{len(edit)}.h5"
        collect(path, "OwnPendulums", "random", 0, SHORT)
        with open_dataset(path) as dataset:
            infos.append(dataset.info)
        facts = json.loads(infos[-1].provenance)["environment_package"]
        assert (facts["package"], facts["version"]) == ("own_pendulums", "0.1")
        assert facts["class"] == "own_pendulums:TwoPendulums"
        digests.append(facts["files_sha256"])
    assert digests[0] != digests[1]
    assert changed_package(infos[1]) is None
    assert changed_package(infos[0]) == (
        f"was made with own_pendulums 0.1 (files {digests[0][:12]}),"
        f" installed is own_pendulums 0.1 (files {digests[1][:12]})"
    )


def test_its_list_changes_with_any_file_of_its_package(installed, tmp_path):
    package = tmp_path / "own_robots"
    (package / "assets").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('nobody has to import this')")
    (package / "assets" / "arm.xml").write_text("<mujoco/>")
    installed("unused", Arm="own_robots.arm:Arm", Leg="unused:Leg")
    (package / "assets" / ".arm.xml.swp").write_text("what an editor keeps")
    (package / "assets" / "arm.xml~").write_text("what it leaves")
    assert list(own_files("Arm")) == ["__init__.py", "assets/arm.xml"]
    (package / "__init__.py").unlink()
    assert list(own_files("Arm")) == ["assets/arm.xml"]
    assert list(own_files("Leg")) == ["unused.py"]
    first = environment_list(tmp_path / "library", "Arm").read_text()
    (package / "assets" / "arm.xml").write_text("<mujoco model='arm'/>")
    second = environment_list(tmp_path / "library", "Arm").read_text()
    assert first != second
    assert environment_list(tmp_path / "library", "Leg").name == "environment-Leg.sha256"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("my_robot", "mine:Mine", "letters and digits only"),
        ("Robot", "my-robot:Robot", "no module:Class"),
        ("Robot", "mine", "no module:Class"),
        ("Nothing", "mine:Mine", "'Nothing' does not exist; did you mean"),
    ],
)
def test_refuses_an_entry_point_when_it_is_asked_for(installed, name, value, reason):
    if name != "Nothing":
        installed("mine", **{name: value})
    refused(reason, own_environment, name)
    assert environment_names()[: len(SUITE)] == SUITE  # which go on as ever


def test_refuses_a_name_that_two_packages_give(installed):
    installed("mine", Robot="mine:Robot")
    installed("yours", Robot="yours:Robot")
    refused("'Robot' has several entry points: ", own_environment, "Robot")


def test_the_suites_names_stay_the_suites(installed):
    installed("mine", CheetahRun="mine:Mine")
    assert environment_names().count("CheetahRun") == 1
    assert load("CheetahRun").mj_model.nu == 6


@pytest.mark.parametrize(
    ("value", "text", "reason"),
    [
        ("own_pendulums:Three", TEXT, "no class that inherits Playground's MjxEnv"),
        ("own_pendulums:TwoPendulums", "import nonsense_42", "cannot be imported: .*nonsense_42"),
        ("own_pendulums:default_config", TEXT, "no class that inherits Playground's MjxEnv"),
        (
            "own_pendulums:TwoPendulums",
            TEXT.replace("default_config", "settings"),
            "no function default_config that gives a ConfigDict",
        ),
        (
            "own_pendulums:TwoPendulums",
            TEXT.replace("ctrl_dt=0.02, ", ""),
            "with ctrl_dt, sim_dt and episode_length",
        ),
        (
            "own_pendulums:TwoPendulums",
            # The model is changed after MJX has got its copy.
            TEXT.replace("        return self._mj_model\n", CHANGED),
            "mjx_model has to be",
        ),
    ],
)
def test_refuses_what_is_no_environment(installed, value, text, reason):
    installed("own_pendulums", text, OwnPendulums=value)
    refused(reason, load, "OwnPendulums")


def test_refuses_a_package_that_is_not_there(installed):
    installed("mine", Robot="gone.robots:Robot")
    refused("no package 'gone'", own_files, "Robot")
    refused("cannot be imported: .*gone", load, "Robot")


def test_the_converged_solver_is_refused_where_the_model_is_kept_elsewhere(installed):
    installed("own_pendulums", OwnPendulums="own_pendulums:TwoPendulums")
    iterations = playground_environment("OwnPendulums", "converged").mjx_model.opt.iterations
    assert iterations == CONVERGED_SOLVER["iterations"]
    installed("kept", TEXT.replace("self._mjx_model", "self._kept"), Kept="kept:TwoPendulums")
    assert load("Kept").substeps == 4
    refused("kept as self._mjx_model", load, "Kept", "converged")


@pytest.mark.parametrize(
    "changed",
    [
        "self._mj_model.opt.timestep *= 2",
        "self._mj_model.opt.gravity[2] = -1",
        "self._mj_model.opt.integrator = mujoco.mjtIntegrator.mjINT_RK4",
        "self._mjx_model = self._mjx_model.replace(body_mass=2 * self._mjx_model.body_mass)",
    ],
)
@pytest.mark.parametrize("solver", ["as_shipped", "converged"])
def test_refuses_two_models_that_are_not_the_same(installed, changed, solver):
    made = "self._mjx_model = mjx.put_model(self._mj_model, impl=self._config.impl)"
    text = TEXT.replace(made, f"{made}\n        {changed}")
    installed("own_pendulums", text, OwnPendulums="own_pendulums:TwoPendulums")
    refused("mjx_model has to be", load, "OwnPendulums", solver)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self._mj_model.opt.timestep = self.sim_dt", "pass"),
        ("sim_dt=0.005", "sim_dt=0.006"),
        ("ctrl_dt=0.02", "ctrl_dt=0.002"),
    ],
)
def test_refuses_a_control_step_that_is_not_made_of_the_models(installed, old, new):
    text = TEXT.replace('timestep="0.005"', 'timestep="0.001"').replace(old, new)
    installed("own_pendulums", text, OwnPendulums="own_pendulums:TwoPendulums")
    refused("do not make a control step of", load, "OwnPendulums")


def test_observations_by_name_are_for_random_behaviour(installed):
    text = TEXT.replace("return jnp.concatenate(", "return dict(all=jnp.concatenate(").replace(
        "data.qvel])", "data.qvel]))"
    )
    installed("own_pendulums", text, OwnPendulums="own_pendulums:TwoPendulums")
    act = make_behaviour("random", "OwnPendulums", 0)
    begin = load("OwnPendulums").environment.reset
    shapes = jax.eval_shape(begin, jax.random.key(0)).obs
    observation = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    assert act(observation, jax.random.key(1)).shape == (2,)
    expert = EXPERTS / "CartpoleBalance/seed-0/policy.safetensors"
    refused("not a mapping", make_behaviour, "expert", "OwnPendulums", 0, expert)


def test_the_engine_trains_only_on_what_it_returns(installed):
    text = TEXT.replace("data.qvel])", "data.qvel, data.cvel[1]])")
    assert text != TEXT
    installed("own_pendulums", text, OwnPendulums="own_pendulums:TwoPendulums")
    refused("reads cvel of", read_fields, playground_environment("OwnPendulums"))


def test_refuses_to_collect_where_the_step_is_another(installed, tmp_path):
    scaled = TEXT.replace("state.data, action, self", "state.data, 0.3 * action + 0.5, self")
    assert scaled != TEXT
    installed("own_pendulums", scaled, OwnPendulums="own_pendulums:TwoPendulums")
    arguments = (tmp_path / "x.h5", "OwnPendulums", "random", 0, SHORT)
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
    installed("own_pendulums", TEXT.replace(old, new), OwnPendulums="own_pendulums:TwoPendulums")
    refused(reason, load, "OwnPendulums")


EQUALITIES = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <body name="a"><freejoint/><geom size="0.1"/></body>
    <body name="b" pos="1 0 0"><joint name="h" type="hinge" range="-1 1" limited="true"/>
      <geom size="0.1" contype="0"/></body>
    <body name="c" pos="2 0 0"><joint name="s" type="slide"/><geom size="0.1" contype="0"/></body>
  </worldbody>
  <tendon><fixed name="t"><joint joint="h" coef="1"/></fixed></tendon>
  <equality>
    <joint name="gear" active="false" joint1="h" joint2="s"/>
    <weld name="glue" active="false" body1="a" body2="b"/>
    <tendon name="rope" active="false" tendon1="t"/>
    <connect name="pin" active="false" body1="b" body2="c" anchor="0.5 0 0"/>
  </equality>
</mujoco>"""


def test_rows_are_named_behind_those_of_equality_constraints():
    """MJX's first rows: three of the pin, six of the glue, one of the gear, one of the rope."""
    model = mujoco.MjModel.from_xml_string(EQUALITIES)
    assert names.constraint_names(model) == ("limit:h",)
    mjx_model, data = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")
    assert (mjx_internals.named_row_count(data), int(data._impl.ne)) == (1, 11)
    step = jax.jit(lambda angle: mjx.step(mjx_model, data.replace(qpos=data.qpos.at[7].set(angle))))
    for angle, pushes in ((0.9, False), (1.1, True)):
        assert mjx_internals.active_constraints(step(angle)).tolist() == [pushes]
