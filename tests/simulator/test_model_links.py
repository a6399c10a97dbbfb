"""Parts and links of real models, against the proof of structure and MuJoCo's own engine."""

import mujoco
import numpy as np
import pytest

from dynsparse.environments import simulated_model
from dynsparse.environments.names import action_names, state_names
from dynsparse.environments.structures import environment_links
from dynsparse.errors import DynsparseError
from dynsparse.mjx_internals import collision_pairs
from dynsparse.sparsity.links import reached
from dynsparse.sparsity.model_links import model_linkage
from dynsparse.sparsity.structure import structure

# Parts and links.
KNOWN = {
    "BallInCup": (4, 14),
    "CartpoleBalance": (1, 1),
    "CheetahRun": (1, 7),
    "ReacherHard": (1, 0),
    "FingerSpin": (2, 6),
    "FingerTurnEasy": (2, 6),
    "WalkerRun": (1, 7),
    "SwimmerSwimmer6": (1, 0),
    "HopperHop": (1, 5),
    "FishSwim": (1, 0),
    "HumanoidStand": (1, 16),
    "PointMass": (2, 1),
}
MOVED = ["BallInCup", "FingerSpin", "CheetahRun"]


def everything(linkage, are_open):
    return reached(linkage, np.full(len(linkage.links), are_open))


def assert_open_is_what_is_possible(model, linkage):
    proved = structure(model, collision_pairs(model), 5)
    possible = np.hstack([proved.state, proved.action])
    np.testing.assert_array_equal(everything(linkage, True), possible)


@pytest.mark.parametrize("name", KNOWN)
def test_with_all_links_open_it_is_what_the_model_does_not_prove_zero(name):
    linkage = environment_links(name)
    assert (len(linkage.parts), len(linkage.links)) == KNOWN[name]
    assert_open_is_what_is_possible(simulated_model(name).mj_model, linkage)
    rows = sorted(row for part in linkage.parts for row in part.rows)
    assert rows == list(range(linkage.outputs))


def dimensions(model, columns):
    names = (*state_names(model), *action_names(model))
    return {names[column].split(" ")[0] for column in columns}


def cause_of(link):
    """``contact cup ball`` of ``contact cup ball cup_x ball_z``."""
    words = link.name.split(" ")
    return " ".join(words[: 3 if words[0] == "contact" else 2])


def test_the_ball_and_the_cup_are_tied_by_a_touch_and_the_string():
    """The cup hangs on springs, the ball on nothing: only the cup always feels where it is."""
    linkage, model = environment_links("BallInCup"), simulated_model("BallInCup").mj_model
    causes = {cause_of(link) for link in linkage.links}
    assert causes == {
        *("contact world cup", "contact world ball", "contact cup ball", "tendon string"),
    }
    always = [dimensions(model, part.columns) for part in linkage.parts]
    assert always == [
        {"qpos:cup_x", "qvel:cup_x", "ctrl:x"},
        {"qpos:cup_z", "qvel:cup_z", "ctrl:z"},
        set(),
        set(),
    ]
    lets_in = [set(), set(), {"qpos:ball_x", "qvel:ball_x"}, {"qpos:ball_z", "qvel:ball_z"}]
    for cause in ("contact cup ball", "tendon string"):
        mine = [link for link in linkage.links if cause_of(link) == cause]
        assert all(set(link.seen) == set(range(8)) for link in mine)
        assert {link.parts for link in mine} == {(a, b) for b in range(4) for a in range(b)}
        for link in mine:
            assert (
                dimensions(model, link.columns) == lets_in[link.parts[0]] | lets_in[link.parts[1]]
            )
    (floor,) = [link for link in linkage.links if cause_of(link) == "contact world ball"]
    # The floor is the same everywhere.
    assert dimensions(model, floor.columns) == {"qpos:ball_z", "qvel:ball_x", "qvel:ball_z"}


def test_only_contacts_feel_how_high_and_how_fast_the_cheetah_is():
    linkage, model = environment_links("CheetahRun"), simulated_model("CheetahRun").mj_model
    (whole,) = linkage.parts
    legs = [f"{end}{part}" for end in "bf" for part in ("thigh", "shin", "foot")]
    let_in = {"qpos:rootz", "qvel:rootx", "qvel:rootz"}
    names = [f"contact world {body}" for body in ("torso", *legs)]
    assert [link.name for link in linkage.links] == names
    assert dimensions(model, whole.columns) == dimensions(model, range(24)) - {
        "qpos:rootx",
        *let_in,
    }
    for link in linkage.links:
        assert dimensions(model, link.columns) == let_in
        assert "qpos:rootx" not in dimensions(model, link.seen)
    own = [dimensions(model, columns) for columns in linkage.own]
    assert own[:2] == [{"qpos:rootx", "qvel:rootx"}, {"qpos:rootz", "qvel:rootz"}]


def test_only_what_touches_the_spinner_feels_how_it_is_turned():
    """There is no gravity in this model."""
    linkage, model = environment_links("FingerSpin"), simulated_model("FingerSpin").mj_model
    finger, spinner = (dimensions(model, part.columns) for part in linkage.parts)
    turns = {f"{kind}:{joint}" for kind in ("qvel", "ctrl") for joint in ("proximal", "distal")}
    assert finger == {"qpos:distal", *turns}
    assert spinner == {"qvel:hinge"}


@pytest.mark.parametrize("name", MOVED)
def test_a_contact_has_the_velocities_that_move_its_bodies(name):
    """The engine's own Jacobians of the bodies say which; no random pose has a zero by chance."""
    model = simulated_model(name).mj_model
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    data.qpos[:] = model.qpos0 + rng.uniform(0.2, 0.5, model.nq)
    mujoco.mj_forward(model, data)
    contacts = [k for k in environment_links(name).links if k.name.startswith("contact")]
    assert contacts
    for link in contacts:
        moving = np.zeros(model.nv, bool)
        for body in cause_of(link).split(" ")[1:]:
            place, turn = np.zeros((3, model.nv)), np.zeros((3, model.nv))
            mujoco.mj_jacBody(model, data, place, turn, model.body(body).id)
            moving |= (np.abs(place) + np.abs(turn)).max(axis=0) > 1e-9
        found = [column - model.nq for column in link.seen if column >= model.nq]
        assert found == np.flatnonzero(moving).tolist()


def stepped(model, data, state, action):
    """One simulator step of the C engine from a fresh start, its solver run until it is done."""
    mujoco.mj_resetData(model, data)
    data.qpos[:], data.qvel[:] = state[: model.nq], state[model.nq :]
    data.ctrl[:] = action
    mujoco.mj_step(model, data)
    return np.concatenate([data.qpos, data.qvel])


def acting(model, data, state):
    """The names of what touches or holds in a state."""
    mujoco.mj_resetData(model, data)
    data.qpos[:], data.qvel[:] = state[: model.nq], state[model.nq :]
    mujoco.mj_forward(model, data)
    bodies = [sorted(int(model.geom_bodyid[g]) for g in pair) for pair in data.contact.geom]
    names = {f"contact {model.body(a).name} {model.body(b).name}" for a, b in bodies}
    for kind, number in zip(data.efc_type, data.efc_id, strict=True):
        if kind == mujoco.mjtConstraint.mjCNSTR_LIMIT_TENDON:
            names.add(f"tendon {model.tendon(number).name}")
        if kind == mujoco.mjtConstraint.mjCNSTR_LIMIT_JOINT:
            names.add(f"limit {model.joint(number).name}")
    return names


def moved_by(model, state, action, step=1e-6):
    """The change of a step by each of the state's and the action's numbers, differences halved."""
    data, both = mujoco.MjData(model), np.concatenate([state, action])
    found = []
    for column in range(len(both)):
        away = step * (np.arange(len(both)) == column)
        ends = [
            stepped(model, data, *np.split(both + sign * away, [len(state)])) for sign in (1, -1)
        ]
        found.append(np.abs(ends[0] - ends[1]) / (2 * step))
    return np.stack(found, axis=1)


# The finger's upper half hardly reaches the spinner.
@pytest.mark.parametrize(
    ("name", "least"), [("BallInCup", 4), ("FingerSpin", 1), ("CheetahRun", 4)]
)
def test_what_acts_is_allowed_by_the_links_that_are_there(name, least):
    """After short runs of the engine from random poses, in which links come and go."""
    model, linkage = simulated_model(name).mj_model, environment_links(name)
    model.opt.tolerance, model.opt.iterations, model.opt.ls_iterations = 0, 200, 200
    rng, data, seen = np.random.default_rng(1), mujoco.MjData(model), []
    causes = [cause_of(link) for link in linkage.links]
    for _ in range(200):
        mujoco.mj_resetData(model, data)
        data.qpos[:] = model.qpos0 + rng.uniform(-0.7, 0.7, model.nq)
        data.ctrl[:] = rng.uniform(-1, 1, model.nu)
        for _ in range(5):
            mujoco.mj_step(model, data)
        state = np.concatenate([data.qpos, data.qvel])
        there = acting(model, mujoco.MjData(model), state)
        allowed = reached(linkage, np.array([cause in there for cause in causes]))
        change = moved_by(model, state, data.ctrl.copy())
        # Differences of rounding; what acts moves a step by far more.
        assert change[~allowed].max(initial=0) < 1e-6 * max(1, change.max())
        seen.append(there)
    counts = [sum(cause in there for there in seen) for cause in set(causes)]
    assert sum(0 < count < len(seen) for count in counts) >= least


XML = """
<mujoco><option gravity="0 0 {gravity}"/><worldbody>
  <geom name="wall" type="plane" size="9 9 1" contype="{touch}"/>
  <body name="one" pos="0 0 1"><joint name="x" type="slide" axis="1 0 0" {joint}/>
    <geom name="ball" size=".1" contype="0" conaffinity="1"/>
    <body name="arm" pos="0 0 .5"><joint name="turn" type="hinge" axis="0 1 0"/>
      <geom size=".1" pos=".3 0 0" contype="0" conaffinity="0"/></body>
  </body>
  <body name="two" pos="5 5 5"><joint name="alone" type="slide" axis="1 0 0"/>
    <geom size=".1" contype="0" conaffinity="0"/></body>
</worldbody>{more}</mujoco>
"""
ROPE = '<tendon><fixed name="rope" {}><joint joint="x" coef="1"/><joint joint="alone" coef="1"/>'
LIMITED = 'limited="true" range="-1 1"'


def linked(joint="", touch=0, more="", gravity=-9.81):
    text = XML.format(joint=joint, touch=touch, more=more, gravity=gravity)
    model = mujoco.MjModel.from_xml_string(text)
    linkage = model_linkage(model, collision_pairs(model))
    assert_open_is_what_is_possible(model, linkage)
    return linkage, [link.name for link in linkage.links]


def rope(how=""):
    return ROPE.format(how) + "</fixed></tendon>"


@pytest.mark.parametrize(
    ("change", "parts", "links"),
    [
        ({}, 2, []),
        # The solver may stop early, and take one step length for both parts.
        ({"joint": LIMITED}, 2, ["limit x", "solver"]),
        ({"more": rope('stiffness="3"')}, 1, []),
        ({"more": rope('damping="3"')}, 1, []),
        ({"more": rope('stiffness="0 2"')}, 1, []),
        ({"more": rope(LIMITED)}, 2, ["tendon rope x alone"]),
        ({"more": rope('frictionloss="1"')}, 2, ["tendon rope x alone"]),
        ({"more": rope() + '<actuator><motor tendon="rope"/></actuator>'}, 1, []),
        ({"more": '<equality><joint joint1="x" joint2="alone"/></equality>'}, 1, []),
        # It slides along the floor, where it feels how fast it is but not where.
        ({"touch": 1}, 2, ["contact world one", "solver"]),
    ],
)
def test_what_ties_is_a_part_if_it_always_acts_and_else_a_link(change, parts, links):
    linkage, names = linked(**change)
    assert (len(linkage.parts), names) == (parts, links)


@pytest.mark.parametrize(
    ("joint", "more"),
    [
        ('damping="1"', ""),
        ('damping="0 1"', ""),
        ('frictionloss="1"', ""),
        ("", '<actuator><velocity joint="x"/></actuator>'),
    ],
)
def test_a_speed_that_something_brakes_is_always_felt(joint, more):
    """Velocities are the columns from 3; the floor lets in that of x where nothing else does."""
    for brakes in (False, True):
        changes = {"joint": joint, "more": more} if brakes else {}
        linkage, _ = linked(touch=1, **changes)
        assert (3 in linkage.parts[0].columns) == brakes
        assert any(3 in link.columns for link in linkage.links) != brakes


def test_models_with_activations_are_refused():
    muscle = '<actuator><general joint="x" dyntype="integrator"/></actuator>'
    with pytest.raises(DynsparseError, match="activations"):
        linked(more=muscle)
