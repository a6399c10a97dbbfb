"""Holds ``dynsparse.mjx_internals`` to the MuJoCo release that is installed.

If a test here fails after MuJoCo was updated, MJX has moved what the implicit and the hybrid
Jacobian lean on. Read ``mujoco/mjx/_src/solver.py`` of the new release, adapt
``src/dynsparse/mjx_internals`` (the only package that touches it), then run
``tests/simulator/test_jacobians.py``: it compares the methods with finite differences.
"""

import dataclasses
import inspect
from contextlib import ExitStack, nullcontext
from functools import cache, partial

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mujoco import mjx
from mujoco.mjx._src import (
    collision_driver,
    derivative,
    forward,
    math,
    scan,
    smooth,
    solver,
    support,
)

from dynsparse import mjx_internals
from dynsparse.errors import DynsparseError
from dynsparse.mjx_internals import rules

MOVED = "MJX moved: see the head of tests/simulator/test_mjx_internals.py for what to do. "
SIGNATURES = {
    solver.solve: ["m", "d"],
    forward.fwd_acceleration: ["m", "d"],
    solver.Context.create: ["m", "d", "grad"],
    solver._linesearch: ["m", "d", "ctx"],
    solver._update_constraint: ["m", "d", "ctx"],
    solver._update_gradient: ["m", "d", "ctx"],
    smooth.factor_m: ["m", "d"],
    smooth.solve_m: ["m", "d", "x"],
    collision_driver.geom_pairs: ["m"],
    support.full_m: ["m", "d"],
    support.mul_m: ["m", "d", "vec"],
    math.norm: ["x", "axis"],
    math.quat_integrate: ["q", "v", "dt"],
    math.quat_to_axis_angle: ["q"],
    derivative.deriv_smooth_vel: ["m", "d"],
    scan.body_tree: ["m", "f", "in_types", "out_types", "args", "reverse"],
    math.closest_segment_point: ["a", "b", "pt"],
    math.closest_segment_to_segment_points: ["a0", "a1", "b0", "b1"],
    solver._LSPoint.create: [
        *["m", "d", "ctx", "alpha", "jv", "quad", "quad_gauss"],
        *["uu", "v0", "uv", "vv"],
    ],
}
CONTEXT_FIELDS = {
    *["Jaref", "Ma", "Mgrad", "active", "efc_force", "grad", "qacc", "qfrc_constraint", "search"]
}
LINE_SEARCH_FIELDS = {"alpha", "cost", "deriv_0", "deriv_1"}
DATA_FIELDS = {"qacc", "qacc_smooth", "qacc_warmstart", "qfrc_smooth", "qfrc_constraint"}
IMPLEMENTATION_FIELDS = {
    "actuator_moment",
    "contact",
    "efc_D",
    "efc_J",
    "efc_force",
    "efc_frictionloss",
    "ncon",
    "ne",
    "nf",
    "nl",
    "qLD",
    "qLDiagInv",
}

SCENE = """
<mujoco>
  <option cone="{cone}" timestep="0.005"/>
  <worldbody>
    <geom name="ground" type="plane" size="5 5 1"/>
    <body name="ball" pos="0 0 0.19">
      <joint name="lift" type="slide" axis="0 0 1"/>
      <geom name="sphere" type="sphere" size="0.2"/>
    </body>
    <body name="arm" pos="2 0 2">
      <joint name="elbow" type="hinge" axis="0 1 0" limited="true" range="-30 30"
             frictionloss="0.1"/>
      <geom name="rod" type="capsule" fromto="0 0 0 0.4 0 0" size="0.05"/>
    </body>
  </worldbody>
</mujoco>
"""


def scene(cone="pyramidal"):
    return mujoco.MjModel.from_xml_string(SCENE.format(cone=cone))


# One iteration of the solver, as Playground has it in BallInCup.
ROD = """
<mujoco>
  <option iterations="1" ls_iterations="4" timestep="0.005"/>
  <worldbody>
    <geom type="plane" size="5 5 1"/>
    <body pos="0 0 0.1">
      <joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/><joint axis="0 1 0"/>
      <geom type="capsule" fromto="-0.2 0 0 0.2 0 0" size="0.1"/>
    </body>
  </worldbody>
</mujoco>
"""


def stepped(model, qpos, qvel):
    """Data after one step from a state."""
    data = mjx.make_data(model, impl="jax").replace(qpos=jnp.array(qpos), qvel=jnp.array(qvel))
    # A function of its own: JAX would take the trace of another step, made without the rule.
    return jax.jit(partial(mjx.step))(mjx.put_model(model, impl="jax"), data)


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda f: f"{f.__module__}.{f.__qualname__}")
def test_functions_take_what_they_took(function):
    found = list(inspect.signature(function).parameters)
    assert found == SIGNATURES[function], f"{MOVED}{function.__qualname__} takes {found}"


def test_fields_are_where_they_were():
    context = {field.name for field in dataclasses.fields(solver.Context)}
    assert context >= CONTEXT_FIELDS, f"{MOVED}solver.Context lacks {CONTEXT_FIELDS - context}"
    data = mjx.make_data(scene(), impl="jax")
    points = {field.name for field in dataclasses.fields(solver._LSPoint)}
    assert points >= LINE_SEARCH_FIELDS, f"{MOVED}the line search lacks {LINE_SEARCH_FIELDS}"
    absent = {name for name in DATA_FIELDS if not hasattr(data, name)}
    assert not absent, f"{MOVED}mjx.Data lacks {absent}"
    absent = {name for name in IMPLEMENTATION_FIELDS if not hasattr(data._impl, name)}
    assert not absent, f"{MOVED}the JAX implementation's data lacks {absent}"
    absent = {"geom", "dist", "includemargin"} - set(dir(data._impl.contact))
    assert not absent, f"{MOVED}contacts lack {absent}"


def test_a_rule_sees_the_solver_and_leaves_no_trace():
    model, calls, shipped = scene(), [], solver.solve

    def rule(solve, model, data):
        calls.append(solve)
        return solve(model, data)

    with mjx_internals.solver_rule(rule):
        jax.eval_shape(mjx.step, mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax"))
    assert calls == [shipped], f"{MOVED}mjx.step called the solver {len(calls)} times"
    assert solver.solve is shipped
    with pytest.raises(ZeroDivisionError), mjx_internals.solver_rule(rule):
        raise ZeroDivisionError
    assert solver.solve is shipped


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("rule", ["known_solution", "hybrid_solve"])
def test_a_rule_changes_no_value_of_a_step(rule):
    model = scene()
    start = ([-0.01, 0.55], [-0.1, 0.2])
    plain = stepped(model, *start)
    solve = getattr(mjx_internals, rule)
    with mjx_internals.solver_rule(solve(plain) if rule == "known_solution" else solve):
        ruled = stepped(model, *start)
    for name in ("qpos", "qvel", "qacc", "qfrc_constraint"):
        np.testing.assert_array_equal(getattr(ruled, name), getattr(plain, name))
    np.testing.assert_array_equal(ruled._impl.efc_force, plain._impl.efc_force)


def derivatives(contexts, samples=200, **options):
    """Of a rod's velocity after a step, by where it is and how it moves, (samples, 3, 6)."""
    model = mujoco.MjModel.from_xml_string(ROD)
    for name, value in options.items():
        setattr(model.opt, name, value)
    device_model, data = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")

    def step(state, memory):
        start = data.replace(qpos=state[:3], qvel=state[3:], qacc_warmstart=memory)
        with mjx_internals.settled_line_search():
            return mjx.step(device_model, start).qvel

    def derivative(state, memory):
        with ExitStack() as stack:
            for context in contexts:
                stack.enter_context(context())
            return jax.jacfwd(step)(state, memory)

    rng = np.random.default_rng(0)
    qpos = rng.uniform([-1, -0.01, -0.02], [1, 0.001, 0.02], (samples, 3))
    state = np.concatenate([qpos, rng.normal(size=(samples, 3))], axis=1)
    # It runs once, so that optimising it would cost far more than it saves.
    compiled = jax.jit(jax.vmap(derivative), compiler_options={"xla_backend_optimization_level": 0})
    return np.asarray(compiled(state, 100 * rng.normal(size=(samples, 3))))


def assert_equal_to_rounding(found, right):
    """Relative to the sample's largest; the step is stiff, so that its elements reach 1e3."""
    scale = np.abs(right).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found / scale, right / scale, atol=1e-10)


SHIPPED = (solver._linesearch, solver._update_gradient, smooth.factor_m, smooth.solve_m)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "options",
    [
        {"iterations": 2},
        {"iterations": 2, "jacobian": mujoco.mjtJacobian.mjJAC_SPARSE},
        {"solver": mujoco.mjtSolver.mjSOL_CG, "iterations": 2},
        {"cone": mujoco.mjtCone.mjCONE_ELLIPTIC},
    ],
    ids=["Newton", "sparse", "conjugate gradients", "elliptic"],
)
def test_solves_have_the_derivative_that_they_had(options):
    right = derivatives([], **options)
    found = derivatives([mjx_internals.solves_by_products], **options)
    # With elliptic cones MJX's own derivative is not a number where a friction force vanishes.
    finite = np.isfinite(right).all(axis=(1, 2))
    assert finite.mean() > 0.5
    assert np.abs(right[finite]).max() > 1
    assert_equal_to_rounding(found[finite], right[finite])
    np.testing.assert_array_equal(np.isfinite(found).all(axis=(1, 2)), finite)
    assert (solver._linesearch, solver._update_gradient, smooth.factor_m, smooth.solve_m) == SHIPPED


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("searches", "cut_off"), [(4, False), (0, True)])
def test_a_line_search_is_differentiated_as_its_minimum_or_shows_that_it_was_cut_off(
    searches, cut_off
):
    options = {"iterations": 2, "ls_iterations": searches}
    right = derivatives([mjx_internals.solves_by_products], **options)
    contexts = [mjx_internals.solves_by_products, mjx_internals.searches_by_their_minimum]
    found = derivatives(contexts, **options)
    finite = np.isfinite(found).all(axis=(1, 2))
    assert np.isfinite(right).all()
    assert_equal_to_rounding(found[finite], right[finite])
    assert (0.05 < (~finite).mean() < 0.95) if cut_off else finite.mean() > 0.95
    assert (solver._linesearch, solver._update_gradient, smooth.factor_m, smooth.solve_m) == SHIPPED


def largest_answer_to_rounding(line_search):
    """How far the step of a rod on the ground moves when its position does by 1e-14."""
    model = mujoco.MjModel.from_xml_string(ROD)
    device_model, data = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")

    def step(qpos, qvel, memory):
        start = data.replace(qpos=qpos, qvel=qvel, qacc_warmstart=memory)
        with line_search():
            after = mjx.step(device_model, start)
        return jnp.concatenate([after.qpos, after.qvel])

    rng, compiled = np.random.default_rng(0), jax.jit(jax.vmap(step))
    low, high = [-1, -0.01, -0.02], [1, 0.001, 0.02]
    qpos, qvel, memory = rng.uniform(low, high, (512, 3)), *rng.normal(size=(2, 512, 3))
    moved = qpos + 1e-14 * rng.normal(size=qpos.shape)
    difference = compiled(qpos, qvel, 10 * memory) - compiled(moved, qvel, 10 * memory)
    return np.abs(difference).max(axis=1)


@pytest.mark.usefixtures("float64")
def test_the_shipped_line_search_answers_to_rounding():
    """Why ``settled_line_search`` is there; when this fails, MJX has been mended."""
    moved = largest_answer_to_rounding(nullcontext)
    assert (moved > 1e-6).mean() > 0.05


@pytest.mark.usefixtures("float64")
def test_the_settled_line_search_does_not():
    shipped = solver._LSPoint.create
    # The step is stiff: accelerations change by some 1000 per unit of penetration.
    assert largest_answer_to_rounding(mjx_internals.settled_line_search).max() < 1e-9
    assert solver._LSPoint.create == shipped


# Beyond its limit by a little: the limit pushes with 1e-11 N m, which moves a body that light.
MIDGE = """
<mujoco>
  <option iterations="4" gravity="0 0 0"/>
  <worldbody>
    <body>
      <joint name="hinge" axis="0 1 0" limited="true" range="-57 57"/>
      <geom type="capsule" fromto="0 0 0 0.01 0 0" size="0.001" mass="1e-7" contype="0"/>
    </body>
  </worldbody>
</mujoco>
"""


def a_midge_at_its_limit(context):
    """Its acceleration by MJX, without the limit, and by MuJoCo's C engine."""
    model = mujoco.MjModel.from_xml_string(MIDGE)
    data = mujoco.MjData(model)
    data.qpos[:] = model.jnt_range[0, 1] + 1e-3
    data.qacc_warmstart[:] = 1e6  # worse than no limit at all
    moved = mjx.put_data(model, data, impl="jax")
    with context():
        found = jax.jit(partial(mjx.forward, mjx.put_model(model, impl="jax")))(moved)
    mujoco.mj_forward(model, data)
    assert 0 < np.abs(data.qfrc_constraint).max() < 1e-8
    return tuple(float(each[0]) for each in (found.qacc, found.qacc_smooth, data.qacc))


@pytest.mark.usefixtures("float64")
def test_the_shipped_solver_takes_small_gradients_for_none():
    """Why ``exact_solver_norm`` is there; when this fails, MJX has been mended."""
    found, free, by_engine = a_midge_at_its_limit(nullcontext)
    assert found == free
    assert abs(by_engine - free) > 0.1


@pytest.mark.usefixtures("float64")
def test_with_an_exact_norm_it_does_not():
    found, _, by_engine = a_midge_at_its_limit(mjx_internals.exact_solver_norm)
    # Float64 leaves 1e-16 of either; the solver's own tolerance is 1e-8.
    assert found == pytest.approx(by_engine, rel=1e-8)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("iterations", "converged"), [(1, False), (50, True)])
def test_a_solver_that_is_cut_off_has_not_converged(iterations, converged):
    model = mujoco.MjModel.from_xml_string(ROD)
    model.opt.iterations = iterations
    # Tilted and sliding: one Newton iteration does not find which contacts hold.
    after = stepped(model, [0.0, -0.003, 0.012], [0.4, -0.3, 0.5])
    before = mjx.make_data(model, impl="jax")  # the warm start is all that is asked of it
    found = mjx_internals.solver_converged(mjx.put_model(model, impl="jax"), before, after)
    assert bool(found) == converged


# The rod just after it touched: position, velocity, warm start.
CUT_OFF = [
    [0.796605003597218, -0.008401729389215795, 0.008866791653990664],
    [-0.9414130899075774, -1.8531277590025688, 0.23138315154294553],
    [93.32169758373973, 213.00551024415512, -50.441732940938735],
]


@pytest.mark.usefixtures("float64")
def test_a_cut_off_solve_is_not_taken_for_done():
    """Below the solver's tolerance by chance, with a Newton step to go, as in WalkerRun."""
    model = mujoco.MjModel.from_xml_string(ROD)
    device_model, data = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")
    qpos, qvel, memory = jnp.array(CUT_OFF)

    def step(qpos, qvel, rule):
        start = data.replace(qpos=qpos, qvel=qvel, qacc_warmstart=memory)
        with mjx_internals.settled_line_search(), mjx_internals.solver_rule(rule):
            return mjx.step(device_model, start)

    def at_optimum(shipped, model, data):
        solved = shipped(model, data)
        return rules._with_optimum_tangents(model, data, solved)[0]

    def derivative(rule):
        return jax.jit(jax.jacfwd(lambda qpos: step(qpos, qvel, rule).qvel))(qpos)

    after = jax.jit(lambda: step(qpos, qvel, mjx_internals.unrolled_solve))()
    improvement = rules._newton_step(device_model, after, after.qacc).improvement
    assert 1e-5 < improvement / model.opt.tolerance < 1
    start = data.replace(qpos=qpos, qvel=qvel, qacc_warmstart=memory)
    assert not mjx_internals.solver_converged(device_model, start, after)
    right = derivative(mjx_internals.unrolled_solve)
    assert np.abs(derivative(at_optimum) - right).max() > 0.1 * np.abs(right).max()
    np.testing.assert_allclose(derivative(mjx_internals.hybrid_solve), right, rtol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("qacc", "improvement", "reached"),
    [
        (2.0, 1e-21, True),  # rounding of a Newton step that arrived
        (2.0, 1e-14, False),  # a limit of SwimmerSwimmer6's, cut off at 1e-6 of the tolerance
        (1.0, 1e-14, True),  # a spinner of FingerTurnEasy's that keeps its start
        (0.0, 1e-14, True),  # the start without constraints
        (1.0, 1e-12, False),  # what is left shows in the values
    ],
)
def test_what_moved_has_arrived_only_at_rounding(qacc, improvement, reached):
    model = mjx.put_model(mujoco.MjModel.from_xml_string(ROD), impl="jax")
    solved = mjx.make_data(model).replace(qacc=jnp.full(3, qacc))
    starts = (jnp.full(3, 1.0), jnp.zeros(3))
    assert bool(rules._reached(model, starts, solved, jnp.array(improvement))) is reached


# A ball that lies on a small capsule, as in the cup of BallInCup.
CUP = """
<mujoco>
  <option iterations="50" ls_iterations="50" tolerance="1e-14"/>
  <worldbody>
    <geom name="part" type="capsule" fromto="0.05 0 0.12 0.05 0 0.25" size="0.03"/>
    <body name="ball" pos="0.084 0 0.2">
      <joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/>
      <geom type="sphere" size="0.005"/>
    </body>
  </worldbody>
</mujoco>
"""


# The same with a capsule for a ball, which is not parallel to the other.
TWO_CAPSULES = CUP.replace(
    'type="sphere" size="0.005"', 'type="capsule" size="0.004" fromto="-0.004 -0.02 0 0 0.02 0.03"'
)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("xml", [CUP, TWO_CAPSULES], ids=["ball", "capsule"])
def test_capsules_are_where_mjx_and_the_c_engine_differ(xml, exact):
    """The constant in MJX's closest point on a segment, and nothing else (docs/mjx.md)."""
    model = mujoco.MjModel.from_xml_string(xml)
    qpos, qvel = [0.0005, 0.0], [-0.3, 0.2]
    data = mujoco.MjData(model)
    data.qpos, data.qvel = qpos, qvel
    mujoco.mj_step(model, data)
    assert data.ncon == 1
    with mjx_internals.exact_closest_points() if exact else nullcontext():
        difference = np.abs(stepped(model, qpos, qvel).qvel - data.qvel).max()
    assert difference < 1e-12 if exact else 1e-9 < difference < 1e-2


COORDINATE = st.floats(-1, 1, width=16)
POINTS = st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE), min_size=4, max_size=4)


@cache
def exact_points():
    def exact(*points):
        with mjx_internals.exact_closest_points():
            return math.closest_segment_to_segment_points(*points)

    return jax.jit(exact)


@pytest.mark.usefixtures("float64")
@settings(deadline=None)  # the first one compiles
@given(POINTS)
def test_no_points_of_two_segments_are_closer_than_the_closest(points):
    """Against a fine grid on both segments, degenerate and parallel ones included."""
    a0, a1, b0, b1 = np.array(points)
    found = exact_points()(a0, a1, b0, b1)
    at = np.linspace(0, 1, 41)[:, None]
    on_a, on_b = a0 + at * (a1 - a0), b0 + at * (b1 - b0)
    grid = np.linalg.norm(on_a[:, None] - on_b[None], axis=2).min()
    # Rounding of nearly parallel lines, whose determinant loses half of the digits.
    assert np.linalg.norm(found[0] - found[1]) <= grid + 1e-7


TILTED = """
<mujoco>
  <worldbody>
    <geom type="plane" size="5 5 1" euler="10 5 0"/>
    <body><freejoint/><geom type="capsule" size="0.08 0.2"/></body>
  </worldbody>
</mujoco>
"""


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("mended", [False, True])
def test_friction_goes_along_a_capsule_however_steep(mended):
    """Frames of contacts with a plane, against those of the C engine; one capsule is upright."""
    model = mujoco.MjModel.from_xml_string(TILTED)
    device_model, start = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")
    turned = np.random.default_rng(0).normal(size=(200, 4))
    turned[0] = model.geom_quat[0]
    qpos = np.concatenate([np.tile([0, 0, 0.15], (200, 1)), turned], axis=1)

    def frames(qpos):
        data = mjx.kinematics(device_model, start.replace(qpos=qpos))
        with mjx_internals.frames_along_capsules() if mended else nullcontext():
            contact = collision_driver.collision(device_model, data)._impl.contact
        return contact.frame, contact.pos

    found, places = map(np.asarray, jax.jit(jax.vmap(frames))(qpos))
    data, agree, steep = mujoco.MjData(model), [], []
    for k in range(len(qpos)):
        data.qpos[:] = qpos[k]
        mujoco.mj_forward(model, data)
        for contact in data.contact:
            ours = np.linalg.norm(places[k] - contact.pos, axis=1).argmin()
            agree.append(np.allclose(found[k, ours].ravel(), contact.frame, atol=1e-9))
            steep.append(abs(contact.frame[:3] @ data.geom_xmat[1].reshape(3, 3)[:, 2]) > 0.75**0.5)
    agree, steep = np.array(agree), np.array(steep)
    assert steep.sum() > 10 and (~steep).sum() > 50
    assert agree[~steep].all()
    assert agree[steep].all() if mended else not agree[steep].any()


def test_contacts_are_told_by_pair():
    model = scene()
    pairs = mjx_internals.collision_pairs(model)
    names = [tuple(model.geom(geom).name for geom in pair) for pair in pairs]
    assert sorted(names) == [("ground", "rod"), ("ground", "sphere"), ("sphere", "rod")]
    for height, touching in ((-0.01, ["sphere"]), (0.3, [])):
        data = stepped(model, [height, 0.0], [0.0, 0.0])
        found = mjx_internals.touching_pairs(data, pairs, model.ngeom)
        assert [b for (_, b), hit in zip(names, found, strict=True) if hit] == touching


def test_contacts_that_are_switched_off_are_none():
    model = scene()
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    assert mjx_internals.collision_pairs(model) == []
    data = stepped(model, [-0.01, 0.0], [0.0, 0.0])
    assert mjx_internals.touching_pairs(data, [], model.ngeom).shape == (0,)


@pytest.mark.parametrize(
    ("angle", "speed", "active"),
    [
        (0.0, 2.0, [True, False]),  # slides, away from its limit
        (0.6, 0.0, [True, True]),  # 30 degrees are 0.52: the limit pushes
    ],
)
def test_friction_that_slides_and_limits_that_push_are_active(angle, speed, active):
    data = stepped(scene(), [1.0, angle], [0.0, speed])
    assert mjx_internals.named_row_count(data) == 2
    assert mjx_internals.active_constraints(data).tolist() == active


def test_friction_that_sticks_is_not_active():
    model = scene()
    model.opt.gravity[:] = 0
    data = stepped(model, [1.0, 0.0], [0.0, 0.0])
    assert mjx_internals.active_constraints(data).tolist() == [False, False]
    assert mjx_internals.pieces(model, data).shape == data._impl.efc_force.shape


def test_a_force_of_friction_may_change_its_sign_on_one_piece():
    """At rest it is exactly zero, and a spinner at rest is no kink."""
    model = scene()
    model.opt.gravity[:] = 0
    device_model, start = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")

    def friction(speed):
        qpos, qvel = jnp.array([1.0, 0.0]), jnp.zeros(2).at[1].set(speed)
        after = mjx.step(device_model, start.replace(qpos=qpos, qvel=qvel))
        return after._impl.efc_force[0], mjx_internals.pieces(model, after)[0]

    force, piece = jax.jit(jax.vmap(friction))(jnp.array([-1e-6, 0.0, 1e-6, -3.0, 3.0]))
    assert np.sign(force).tolist() == [1, 0, -1, 1, -1]
    assert piece.tolist() == [0, 0, 0, 1, -1]


# A servo of a force that has a range, one on a joint whose actuators together have, and a third.
SERVOS = """
<mujoco>
  <option gravity="0 0 0" timestep="0.005"/>
  <default><geom contype="0" conaffinity="0"/></default>
  <worldbody>
    <body pos="3 0 0"><freejoint/><geom size="0.1"/></body>
    <body><joint name="a" type="slide"/><geom size="0.1"/></body>
    <body pos="1 0 0"><joint name="b" axis="0 1 0" actuatorfrcrange="-7 7"/>
      <geom size="0.1" pos="0.1 0 0"/></body>
    <body pos="2 0 0"><joint name="c" axis="0 1 0" limited="true" range="-30 30"/>
      <geom size="0.1" pos="0.1 0 0"/></body>
  </worldbody>
  <actuator>
    <position joint="c" kp="20"/>
    <position joint="b" kp="20"/>
    <position joint="a" kp="20" forcerange="-3 5"/>
  </actuator>
</mujoco>
"""


@pytest.mark.parametrize(
    ("ctrl", "ends"),
    [
        ([9.0, 0.3, 0.2], [0, 0]),  # forces of 4 and 6 are within both ranges
        ([9.0, 0.4, -0.2], [-1, 1]),
        ([9.0, -0.4, 0.3], [1, -1]),
    ],
)
def test_a_force_at_the_end_of_its_range_is_on_another_piece(ctrl, ends):
    """Behind the pieces of constraints, of which the limit does not push."""
    model = mujoco.MjModel.from_xml_string(SERVOS)
    assert [x.tolist() for x in mjx_internals.limited_forces(model)] == [[2], [2]]
    device_model, start = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")
    after = jax.jit(mjx.step)(device_model, start.replace(ctrl=jnp.array(ctrl)))
    assert mjx_internals.pieces(model, after).tolist() == [0, *ends]


def test_refuses_elliptic_cones():
    with (
        pytest.raises(DynsparseError, match="pyramidal"),
        mjx_internals.solver_rule(mjx_internals.hybrid_solve),
    ):
        stepped(scene(cone="elliptic"), [0.0, 0.0], [0.0, 0.0])


def chain(bodies):
    inner = ""
    for _ in range(bodies):
        inner = f'<body pos="0 0 0.1"><joint axis="0 1 0"/><geom size="0.02"/>{inner}</body>'
    base = f'<body pos="0 0 1"><geom size="0.1"/>{inner}</body>'
    return mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{base}</worldbody></mujoco>")


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("once", [False, True])
def test_a_chain_of_bodies_costs_what_its_bodies_cost(once):
    """As shipped, XLA computes a body's pose anew for each body behind it."""

    def compiled(bodies):
        model = mjx.put_model(chain(bodies), impl="jax")
        data = mjx.make_data(model)

        def poses(qpos):
            return mjx.kinematics(model, data.replace(qpos=qpos)).xpos

        with mjx_internals.bodies_computed_once() if once else nullcontext():
            return jax.jit(poses).lower(jnp.zeros(bodies)).compile()

    short, long = (compiled(bodies).cost_analysis()["flops"] for bodies in (4, 12))
    # Three times the bodies: about three times the work, or else much more.
    assert (long < 5 * short) == once, (short, long)


@pytest.mark.usefixtures("float64")
def test_bodies_computed_once_are_where_they_were():
    model, qpos = mjx.put_model(chain(5), impl="jax"), jnp.linspace(-1, 1, 5)

    def poses(qpos):
        return mjx.kinematics(model, mjx.make_data(model).replace(qpos=qpos)).xpos

    shipped = [jax.jit(f)(qpos) for f in (partial(poses), jax.jacfwd(poses), jax.jacrev(poses))]
    with mjx_internals.bodies_computed_once():
        once = [jax.jit(f)(qpos) for f in (partial(poses), jax.jacfwd(poses), jax.jacrev(poses))]
    # Rounding of sums in another order.
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-14), shipped, once)


ON_A_PLANE = """
<mujoco>
  <worldbody>
    <geom type="plane" size="5 5 1"/>
    <body><freejoint/><geom type="{shape}" size="{size}"/></body>
  </worldbody>
</mujoco>
"""


def depths_by_both_engines(shape, size, qpos):
    """How deep each contact with a plane is, by MJX and by the C engine; the deepest first."""
    model = mujoco.MjModel.from_xml_string(ON_A_PLANE.format(shape=shape, size=size))
    device_model, start = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")

    def distances(qpos):
        data = mjx.kinematics(device_model, start.replace(qpos=qpos))
        return collision_driver.collision(device_model, data)._impl.contact.dist

    found = np.asarray(jax.jit(jax.vmap(distances))(qpos))
    data, pairs = mujoco.MjData(model), []
    for k in range(len(qpos)):
        data.qpos[:] = qpos[k]
        mujoco.mj_forward(model, data)
        pairs.append((np.sort(found[k][found[k] < 0]), np.sort(data.contact.dist)))
    return pairs


@pytest.mark.usefixtures("float64")
def test_corners_of_a_box_far_above_its_deepest_do_not_touch_in_mjx():
    """Of the corners that touch by the C engine, MJX has those within 1 mm of the deepest."""
    rng = np.random.default_rng(0)
    tilt = rng.normal(size=(200, 2)) * 10.0 ** rng.uniform(-4, -1, (200, 1))
    turned = np.column_stack([np.ones(200), tilt, np.zeros(200)])
    qpos = np.concatenate([np.tile([0, 0, 0.01], (200, 1)), turned], axis=1)
    pairs = depths_by_both_engines("box", ".1 .05 .02", qpos)
    for by_mjx, by_c in pairs:
        # Rounding of depths; no corner is drawn so close to the limit.
        np.testing.assert_allclose(by_mjx, by_c[by_c < by_c[0] + 1e-3], atol=1e-12)
    assert 50 < sum(len(by_mjx) < len(by_c) for by_mjx, by_c in pairs) < 150


@pytest.mark.usefixtures("float64")
def test_the_upper_end_of_a_lying_cylinder_touches_in_mjx_where_it_is_level_alone():
    """It does by the C engine; MJX asks that the axis rise by less than 1 mm over half its length.

    Both have the same deepest contact.
    """
    tilt = np.random.default_rng(0).uniform(-0.02, 0.02, 100)
    half = np.pi / 4 + tilt / 2
    turned = np.column_stack([np.cos(half), np.sin(half), np.zeros((100, 2))])
    qpos = np.concatenate([np.tile([0, 0, 0.04], (100, 1)), turned], axis=1)
    level = 0.1 * np.abs(np.sin(tilt)) < 1e-3
    assert 20 < level.sum() < 80
    pairs = depths_by_both_engines("cylinder", ".05 .1", qpos)
    for (by_mjx, by_c), both in zip(pairs, level, strict=True):
        assert (len(by_mjx), len(by_c)) == (1 + both, 2)
        np.testing.assert_allclose(by_mjx[0], by_c[0], atol=1e-12)
