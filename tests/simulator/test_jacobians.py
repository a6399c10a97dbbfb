"""Jacobians against central differences of the same step, which know nothing of the methods."""

from dataclasses import replace
from functools import cache, partial

import jax
import mujoco
import numpy as np
import pytest
from bare_dynamics import dynamics_of
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from dynsparse.configuration import NOISE
from dynsparse.errors import DynsparseError
from dynsparse.jacobians import METHODS, batched_jacobians, linearise, resolve_method
from dynsparse.precision import precision
from dynsparse.verification.differences import central_differences, error_against
from dynsparse.verification.verify import mjx_steps

pytestmark = pytest.mark.usefixtures("float64")
SAMPLES = 100
# What the project calls right. Rounding and curvature of the differences stay below 1e-7.
RIGHT = 1e-4
# Between two programs that do the same arithmetic in another order.
ROUNDING = 1e-12


def derive(dynamics, method):
    """The compiled Jacobians of a batch of samples."""
    compiled = jax.jit(jax.vmap(partial(linearise, dynamics, method)))
    return lambda inputs: jax.tree.map(np.asarray, compiled(*inputs))


def differences_of(dynamics, inputs):
    return central_differences(mjx_steps(dynamics), *inputs)


def errors(jacobians, reference, chosen=True):
    """The error of each chosen sample at which the step has a derivative.

    Of the elements whose difference is itself good to a tenth of what is asked, which are nearly
    all: where the step bends within the width, right Jacobians too are far from it.
    """
    whole = np.concatenate([jacobians.state_jacobian, jacobians.action_jacobian], axis=2)
    scale = np.maximum(1.0, np.abs(reference.jacobian).max(axis=(1, 2), keepdims=True))
    known = reference.bound < RIGHT / 10 * scale
    samples = reference.smooth & chosen
    assert known[samples].mean() > 0.999
    return np.where(known, error_against(whole, reference), 0.0).max(axis=(1, 2))[samples]


def touching(dynamics, count):
    """Samples in which something just touches, with a warm start that fits."""
    model = dynamics.mj_model
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    low, high = np.where(model.jnt_limited, model.jnt_range.T, [[-np.pi], [np.pi]])
    found = []
    while len(found) < count:
        mujoco.mj_resetData(model, data)
        data.qpos[:] = rng.uniform(low, high)
        data.qvel[:] = 0.3 * rng.normal(size=model.nv)
        mujoco.mj_forward(model, data)
        if data.ncon and -0.004 < data.contact.dist.min() < 0:
            found.append((np.append(data.qpos, data.qvel), data.qacc.copy()))
    state, memory = (np.stack(x) for x in zip(*found, strict=True))
    return state, rng.uniform(-1, 1, (count, model.nu)), memory


@pytest.fixture(scope="module")
def cases(request, wander):
    """``cases(name)``: an environment, samples of it, and their central differences."""

    @cache
    def case(name):
        dynamics = request.getfixturevalue(name)
        inputs = wander(dynamics, SAMPLES, seed=5)
        if dynamics.contact_names:
            contacts = touching(dynamics, SAMPLES // 4)
            inputs = [np.concatenate(x)[:SAMPLES] for x in zip(contacts, inputs, strict=True)]
        with precision("float64"):
            return dynamics, inputs, differences_of(dynamics, inputs)

    return case


@pytest.fixture(scope="module")
def programs(request):
    """``programs(name, method)``: compiled once."""
    return cache(lambda name, method: derive(request.getfixturevalue(name), method))


@pytest.fixture(scope="module")
def linearised(cases, programs):
    """``linearised(name, method)``: Jacobians of the samples, computed once."""

    @cache
    def jacobians(name, method):
        with precision("float64"):
            return programs(name, method)(cases(name)[1])

    return jacobians


@pytest.mark.parametrize(
    ("name", "method"),
    [
        *(("cartpole", method) for method in METHODS),
        *(pytest.param("reacher", method, marks=pytest.mark.thorough) for method in METHODS),
        pytest.param("finger", "hybrid", marks=pytest.mark.thorough),
    ],
)
def test_a_method_agrees_with_differences(cases, linearised, name, method):
    found = errors(linearised(name, method), cases(name)[2])
    assert len(found) > 0.7 * SAMPLES
    assert found.max() < RIGHT
    assert np.median(found) < 1e-7


@pytest.mark.thorough
def test_the_samples_of_the_finger_have_contacts_and_sliding_friction(linearised):
    record = linearised("finger", "hybrid").record
    assert record.contact.any()
    assert not record.contact.any(axis=1).all()
    assert record.constraint_active.any()


@pytest.mark.thorough
def test_unrolling_a_solver_that_stops_early_is_wrong(cases, linearised):
    """The trap that the implicit derivative avoids on the same samples (docs/mjx.md).

    Without contact, since there the solver can be cut off, which the implicit one cannot know.
    """
    reference = cases("finger")[2]
    free = ~linearised("finger", "hybrid").record.contact.any(axis=1)
    unrolled = errors(linearised("finger", "unrolled"), reference, free)
    implicit = errors(linearised("finger", "implicit"), reference, free)
    assert (unrolled > 0.1).mean() > 0.05
    assert implicit.max() < RIGHT


@pytest.mark.parametrize(
    "name",
    [
        "cartpole",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("reacher", "finger")),
    ],
)
def test_no_method_changes_the_step(cases, linearised, name):
    dynamics, inputs, _ = cases(name)
    plain, memory = jax.jit(jax.vmap(dynamics.step))(*inputs)
    for method in METHODS:
        derived = linearised(name, method)
        np.testing.assert_allclose(derived.next_state, plain, rtol=ROUNDING, atol=ROUNDING)
        # Accelerations, some hundred in size: rounding divided by the square of a small step.
        np.testing.assert_allclose(derived.record.memory, memory, rtol=1e-8, atol=1e-8)


def test_methods_are_right_beyond_a_limit(cases, programs):
    dynamics, inputs, _ = cases("cartpole")
    beyond = (inputs[0] + np.array([2.2, 0, 0, 0]), inputs[1], np.zeros((SAMPLES, 2)))
    reference = differences_of(dynamics, beyond)
    for method in ("implicit", "hybrid"):
        found = programs("cartpole", method)(beyond)
        assert found.record.constraint_active.mean() > 0.9
        assert errors(found, reference).max() < RIGHT


def test_refuses_an_unknown_method(cartpole):
    with pytest.raises(DynsparseError, match="'exact' is none of auto, hybrid, unrolled, implicit"):
        batched_jacobians(cartpole, "exact", 50)


def test_the_c_engines_differences_are_the_derivative(cartpole):
    rng = np.random.default_rng(3)
    inputs = (rng.normal(size=(20, 4)), rng.uniform(-1, 1, (20, 1)), np.zeros((20, 2)))
    by_engine = batched_jacobians(cartpole, "mujoco_c", 8)(*inputs)
    by_autodiff = batched_jacobians(cartpole, "hybrid", 8)(*inputs)
    np.testing.assert_allclose(by_engine.next_state, by_autodiff.next_state, atol=1e-14)
    for name in ("state_jacobian", "action_jacobian"):
        ours, theirs = getattr(by_engine, name), getattr(by_autodiff, name)
        # Rounding of numbers around ten over the width, and its square.
        np.testing.assert_allclose(ours, theirs, atol=1e-8)
        assert ((np.abs(ours) < NOISE) >= (np.abs(theirs) < 1e-12)).all()


SMALL_CAPSULE = """
<mujoco>
  <option iterations="50" ls_iterations="50" tolerance="1e-14"/>
  <worldbody>
    <geom type="capsule" fromto="0.05 0 0.12 0.05 0 0.25" size="0.03"/>
    <body pos="0.084 0 0.2">
      <joint type="slide" axis="1 0 0"/><joint name="j0" type="slide" axis="0 0 1"/>
      <geom type="sphere" size="0.005"/>
    </body>
  </worldbody>
  <actuator><motor joint="j0"/></actuator>
</mujoco>
"""


@pytest.mark.parametrize(("solver", "finite"), [("as_shipped", [0, 1]), ("converged", [1, 1])])
def test_what_the_c_engine_does_not_repeat_has_no_jacobian_by_it(solver, finite):
    """MJX's closest point on a capsule is not the C engine's, unless converged; free flight is."""
    dynamics = replace(dynamics_of(SMALL_CAPSULE), solver=solver)
    state = np.array([[0.0, 0.0, -0.3, 0.2], [0.2, 0.0, -0.3, 0.2]])
    found = batched_jacobians(dynamics, "mujoco_c", 2)(state, np.zeros((2, 1)), np.zeros((2, 2)))
    assert np.isfinite(found.state_jacobian).all(axis=(1, 2)).tolist() == finite
    assert np.isfinite(found.action_jacobian).all(axis=(1, 2)).tolist() == finite


def test_auto_is_the_method_that_is_right_everywhere():
    assert resolve_method("auto") == "hybrid"
    assert resolve_method("implicit") == "implicit"


# Random models.

CONVERGED = 50


@st.composite
def models(draw):
    """MJCF of one to three joints in a chain, with some of all that MJX constrains."""
    count = draw(st.integers(1, 3))
    joints, tail = "", ""
    for k in range(count):
        kind = draw(st.sampled_from(["hinge", "slide"]))
        axis = draw(st.sampled_from(["1 0 0", "0 1 0", "0 0 1", "0.6 0 0.8"]))
        limited = draw(st.booleans())
        friction = draw(st.sampled_from([0, 0, 0.2]))
        # The lowest body touches the ground in some of the states.
        joints += f"""
          <body pos="0.1 0 -0.3">
            <joint name="j{k}" type="{kind}" axis="{axis}" damping="0.1" frictionloss="{friction}"
                   limited="{str(limited).lower()}" range="-0.4 0.4"/>
            <geom type="sphere" size="0.1" mass="{draw(st.floats(0.5, 2.0))}" pos="0 0.05 -0.1"
                  contype="0" conaffinity="{int(k == count - 1)}"/>"""
        tail += "</body>"
    tendon = draw(st.sampled_from(["", 'limited="true" range="-0.2 0.2"', 'frictionloss="0.1"']))
    terms = "".join(f'<joint joint="j{k}" coef="{k + 1}"/>' for k in range(count))
    ground = '<geom type="plane" size="9 9 1" contype="1" conaffinity="0"/>'
    return f"""
    <mujoco>
      <compiler angle="radian"/>
      <option timestep="0.005" iterations="{draw(st.sampled_from([1, 4, CONVERGED]))}"
              ls_iterations="50" tolerance="1e-10"/>
      <worldbody>
        {ground if draw(st.booleans()) else ""}
        <body pos="0 0 {0.3 * count + 0.15}">
          <geom size="0.01" contype="0" conaffinity="0"/>{joints}{tail}</body>
      </worldbody>
      <tendon>{f"<fixed {tendon}>{terms}</fixed>" if tendon else ""}</tendon>
      <actuator><motor joint="j0" gear="2"/></actuator>
    </mujoco>"""


def samples_of(model, seed, count=40):
    rng = np.random.default_rng(seed)
    state = np.concatenate(
        [rng.uniform(-0.6, 0.6, (count, model.nq)), rng.normal(size=(count, model.nv))], axis=1
    )
    return state, rng.uniform(-1, 1, (count, model.nu)), rng.normal(size=(count, model.nv))


# Each example compiles its own programs, so there are few and they are not shrunk.
few = settings(
    max_examples=4,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@few
@given(xml=models(), seed=st.integers(0, 100))
def test_methods_agree_with_differences_on_random_models(xml, seed):
    with precision("float64"):
        dynamics = dynamics_of(xml)
        inputs = samples_of(dynamics.mj_model, seed)
        reference = differences_of(dynamics, inputs)
        assume((~reference.kink & ~reference.jump).mean() >= 0.25)
        converged = dynamics.mj_model.opt.iterations == CONVERGED
        for method in ("implicit", "hybrid") if converged else ("hybrid",):
            found = errors(derive(dynamics, method)(inputs), reference)
            assert found.max() < RIGHT, f"{method}: {found.max()}"
