"""Structural zeros against the published numbers, and against MuJoCo's engine far from the data."""

import mujoco
import numpy as np
import pytest

from dynsparse.environments import playground_environment
from dynsparse.environments.names import state_names
from dynsparse.environments.structures import structures
from dynsparse.mjx_internals import collision_pairs
from dynsparse.sparsity.structure import structure

# Always-zero elements: the paper's Table 1; beyond it, what 80 samples of MJX's Jacobians showed.
KNOWN = {
    "BallInCup": 0,
    "CartpoleBalance": 0,
    "CheetahRun": 17,
    "ReacherHard": 3,
    "FingerSpin": 0,
    "FingerTurnEasy": 0,
    "WalkerRun": 17,
    "SwimmerSwimmer6": 30,
    "HopperHop": 13,
    "FishSwim": 78,
    "HumanoidStand": 108,
    # Its two axes meet in the solver's line search as soon as both reach their limits.
    "PointMass": 0,
}


def found(name):
    environment = playground_environment(name)
    model = environment.mj_model
    pairs = collision_pairs(model)
    return model, structure(model, pairs, int(environment.n_substeps)), int(environment.n_substeps)


@pytest.mark.parametrize("name", KNOWN)
def test_the_model_alone_gives_the_known_number_of_structural_zeros(name):
    model, proved, _ = found(name)
    assert (~proved.state).sum() == KNOWN[name]
    assert proved.action.all()
    assert proved.state.diagonal().all()
    assert proved.state.shape == (model.nq + model.nv,) * 2


def control_step(model, state, action, substeps):
    """MuJoCo's C engine, from a fresh start, so that nothing but the arguments matters."""
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = state[: model.nq], state[model.nq :]
    data.ctrl[:] = action
    for _ in range(substeps):
        mujoco.mj_step(model, data)
    return np.concatenate([data.qpos, data.qvel])


def random_state(model, rng):
    """Anywhere within wide limits, penetrating or not."""
    position = np.array(model.qpos0) + rng.uniform(-1.5, 1.5, model.nq)
    mujoco.mj_normalizeQuat(model, position)
    return np.concatenate([position, rng.normal(size=model.nv)])


def rotations(model):
    """Positions that are part of a quaternion, which cannot be moved one by one."""
    kinds = {mujoco.mjtJoint.mjJNT_FREE: (3, 7), mujoco.mjtJoint.mjJNT_BALL: (0, 4)}
    return {
        int(model.jnt_qposadr[joint]) + number
        for joint in range(model.njnt)
        for number in range(*kinds.get(model.jnt_type[joint], (0, 0)))
    }


@pytest.mark.parametrize("name", KNOWN)
def test_a_structural_zero_does_not_move_even_for_a_large_step(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the engine logs states that are too wild
    model, proved, substeps = found(name)
    rng = np.random.default_rng(0)
    for _ in range(6):
        state, action = random_state(model, rng), rng.uniform(-1, 1, model.nu)
        before = control_step(model, state, action, substeps)
        if not np.isfinite(before).all() or np.abs(before).max() > 1e3:
            continue
        for column in np.flatnonzero((~proved.state).any(axis=0)):
            assert column not in rotations(model)
            moved = state.copy()
            moved[column] += 0.7
            change = control_step(model, moved, action, substeps) - before
            still = ~proved.state[:, column]
            assert np.abs(change[still]).max() < 1e-7 * max(1, np.abs(before).max())
        for column in np.flatnonzero((~proved.action).any(axis=0)):
            moved = action.copy()
            moved[column] += 0.7
            change = control_step(model, state, moved, substeps) - before
            assert np.abs(change[~proved.action[:, column]]).max() < 1e-9


def test_what_could_be_felt_is_named():
    model, proved, _ = found("CartpoleBalance")
    assert proved.noticed_by[0] == ("limit of slider",)
    slider = state_names(model).index("qpos:slider [m]")
    assert proved.state[:, slider].all()
    table = structures(["CartpoleBalance"]).to_pylist()
    felt = {row["noticed_by"] for row in table if row["column_name"] == "qpos:slider [m]"}
    assert felt == {"limit of slider"}
    assert len(table) == 4 * 4 + 4


XML = """
<mujoco><option gravity="0 0 {gravity}"><flag gravity="{falls}"/></option><worldbody>
  <geom name="wall" type="plane" size="1 1 1" zaxis="{wall}" contype="{touch}"/>
  <body pos="0 0 1"><joint name="x" type="slide" axis="1 0 0" {joint}/>
    <geom name="ball" size=".1" contype="0" conaffinity="1"/>
    <body pos="0 0 .5"><joint name="turn" type="hinge" axis="0 1 0"/><geom name="arm" size=".1"
      pos=".3 0 0" contype="0" conaffinity="0"/></body>
  </body>
  <body pos="5 5 5"><joint name="alone" type="slide" axis="1 0 0"/><geom name="other" size=".1"
    contype="0" conaffinity="0"/></body>
</worldbody>{tendon}</mujoco>
"""


def noticed(joint="", wall="0 0 1", touch=0, tendon="", gravity=-9.81, falls="enable"):
    values = {"joint": joint, "wall": wall, "touch": touch, "tendon": tendon}
    text = XML.format(**values, gravity=gravity, falls=falls)
    model = mujoco.MjModel.from_xml_string(text)
    return structure(model, collision_pairs(model), 3)


MOCAP = """
<mujoco><worldbody><body name="held" mocap="true">{floor}<body pos="0 0 1"><joint name="turn"
  type="{kind}" axis="0 0 1"/><geom name="arm" size=".1" pos=".2 0 0"/></body></body></worldbody>
  </mujoco>"""
WINCH = """
<mujoco><worldbody>
  <body name="drum"><joint name="y" type="slide" axis="0 1 0"/><geom name="drum" type="sphere"
    size=".1"/></body>
  <body name="guide" pos="0 .2 .3"><joint name="x" type="slide" axis="1 0 0"/><geom size=".01"
    contype="0" conaffinity="0"/><site name="side"/></body>
  <site name="a" pos="-.5 0 0"/><site name="b" pos=".5 0 0"/></worldbody>
  <tendon><spatial stiffness="10"><site site="a"/><geom geom="drum" sidesite="side"/>
    <site site="b"/></spatial></tendon></mujoco>"""


@pytest.mark.parametrize("kind", ["hinge", "slide"])
def test_what_a_mocap_body_carries_has_no_direction_of_its_own(kind):
    """By the C engine too: where the hinge's axis leans, gravity turns it."""
    model = mujoco.MjModel.from_xml_string(MOCAP.format(kind=kind, floor=""))
    proved = structure(model, [], 1)
    assert proved.noticed_by[0]
    if kind == "hinge":
        ends = []
        for turn in (0.0, 1.0):
            data = mujoco.MjData(model)
            data.mocap_quat[0], data.qpos[0] = [0.8, 0.6, 0, 0], turn
            mujoco.mj_step(model, data)
            ends.append(data.qvel[0])
        assert abs(ends[1] - ends[0]) > 1e-4


def test_the_side_on_which_a_tendon_goes_ties_who_tells_it():
    model = mujoco.MjModel.from_xml_string(WINCH)
    assert structure(model, [], 1).state[model.nq, 1]


def test_two_unconnected_bodies_do_not_depend_on_each_other():
    proved = noticed()
    # positions x, turn, alone; velocities the same
    assert proved.noticed_by[0] == proved.noticed_by[2] == ()
    assert proved.noticed_by[1] == ("bodies above it", "gravity")
    expected = np.array(
        [
            [1, 1, 0, 1, 1, 0],
            [0, 1, 0, 1, 1, 0],
            [0, 0, 1, 0, 0, 1],
            [0, 1, 0, 1, 1, 0],
            [0, 1, 0, 1, 1, 0],
            [0, 0, 0, 0, 0, 1],
        ],
        dtype=bool,
    )
    np.testing.assert_array_equal(proved.state, expected)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"joint": 'limited="true" range="-1 1"'}, "limit of x"),
        ({"joint": 'stiffness="2"'}, "spring of x"),
        ({"joint": 'stiffness="0 2"'}, "spring of x"),
        ({"wall": "1 0 0", "touch": 1}, "contact wall:ball"),
        (
            {"tendon": '<tendon><fixed name="rope"><joint joint="x" coef="1"/></fixed></tendon>'},
            "tendon rope",
        ),
        (
            {"tendon": '<actuator><position name="servo" joint="x"/></actuator>'},
            "actuator servo",
        ),
    ],
)
def test_each_tie_to_the_world_is_noticed(change, reason):
    proved = noticed(**change)
    assert reason in proved.noticed_by[0]
    assert proved.state[:2, 0].all()


@pytest.mark.parametrize("change", [{"gravity": 0}, {"falls": "disable"}])
def test_nothing_is_noticed_by_gravity_that_is_off(change):
    assert noticed(**change).noticed_by[1] == ("bodies above it",)


def test_a_tendon_couples_what_it_ties():
    ends = '<joint joint="x" coef="1"/><joint joint="alone" coef="1"/>'
    rope = f"<tendon><fixed>{ends}</fixed></tendon>"
    assert noticed(tendon=rope).state[5, 3]
    assert not noticed(tendon=rope.replace('"alone" coef="1"', '"alone" coef="0"')).state[5, 3]


@pytest.mark.parametrize("change", [{"joint": 'limited="true" range="-1 1"'}, {"touch": 1}])
def test_one_possible_constraint_couples_everything_through_the_solver(change):
    assert noticed(**change).state[3:, 3:].all()


def test_an_equality_constraint_withdraws_every_claim():
    weld = '<equality><joint joint1="x" joint2="alone"/></equality>'
    assert noticed(tendon=weld).state[3:].all()


# Two carts that do not know of each other; the second is pulled by what its control fills.
ACTIVATED = """
<mujoco>
  <worldbody>
    <body><joint name="a" type="slide" axis="1 0 0"/><geom size=".1" contype="0"/></body>
    <body><joint name="b" type="slide" axis="1 0 0"/><geom size=".1" contype="0"/></body>
  </worldbody>
  <actuator>
    <motor name="push" joint="a"/>
    <general name="slow" joint="b" dyntype="{}" actdim="1"/>
  </actuator>
</mujoco>
"""


def test_an_activation_is_felt_where_its_actuator_pulls():
    model = mujoco.MjModel.from_xml_string(ACTIVATED.format("integrator"))
    proved = structure(model, [], 1)
    expected = np.eye(5, dtype=bool)
    expected[0, 2] = expected[1, 3] = True  # positions by velocities
    expected[[1, 3], 4] = True  # the second cart by the activation
    np.testing.assert_array_equal(proved.state, expected)
    pushed = np.zeros((5, 2), bool)
    pushed[[0, 2], 0] = pushed[[1, 3, 4], 1] = True
    np.testing.assert_array_equal(proved.action, pushed)
    # Of dynamics that are not MuJoCo's nothing is known.
    model = mujoco.MjModel.from_xml_string(ACTIVATED.format("user"))
    assert structure(model, [], 1).state[4].all()
