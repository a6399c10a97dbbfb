"""The benchmark that holds MJX's Jacobians against the C engine's differences sees errors."""

import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from engine_jacobians import Steps, capsules_apart, compared  # noqa: E402

from dynsparse.c_engine.collection import default_held  # noqa: E402
from dynsparse.c_engine.derivatives import derive  # noqa: E402
from dynsparse.c_engine.dynamics import EngineDynamics  # noqa: E402
from dynsparse.c_engine.layout import Sample  # noqa: E402

# Two carts, each a capsule.
CARTS = """
<mujoco>
  <option gravity="0 0 0"/>
  <worldbody>
    <body><joint name="a" type="slide" axis="1 0 0" damping=".3"/>
      <geom type="capsule" size=".1 .2" mass="1"/></body>
    <body pos="1 0 0"><joint type="slide" axis="1 0 0" stiffness="5"/>
      <geom type="capsule" size=".1 .2" mass="2"/></body>
  </worldbody>
  <actuator><motor joint="a"/></actuator>
</mujoco>
"""


def steps(apart=0.0):
    """Twenty steps of the carts, with the C engine's own differences as if they were MJX's."""
    dynamics = EngineDynamics.of("carts", mujoco.MjModel.from_xml_string(CARTS), 2)
    state = np.random.default_rng(0).uniform(-0.1, 0.1, (20, 4)) + [apart, 0, 0, 0]
    held = np.tile(default_held(dynamics), (20, 1))
    sample = Sample(state, np.zeros((20, 2)), np.full((20, 1), 0.5), held)
    found = derive(dynamics, sample)
    return Steps(dynamics, sample, found.next_state, found.jacobian, found.element_ok)


def test_what_is_the_same_is_right():
    row = compared(steps())
    assert (row["engine_repeats"], row["compared"], row["right_share"]) == (20, 20, 1)
    assert row["largest_error"] == row["false_zeros"] == row["only_in_one_1e-08"] == 0
    # Between the carts eight, and one cart's velocity does not depend on where it is.
    assert row["always_zero_mjx"] == 9


def test_an_element_that_is_off_or_zero_is_seen():
    of = steps()
    of.jacobian[3, 0, 2] += 1e-3
    of.jacobian[4, 0, 2] = 0
    row = compared(of)
    assert row["right_share"] == pytest.approx(18 / 20)
    assert row["false_zeros"] == 1
    assert row["largest_error"] > 1e-4


def test_steps_that_end_elsewhere_are_not_compared():
    of = steps()
    of.next_state[:5] += 1e-3
    of.jacobian[:5] = 7
    row = compared(of)
    assert (row["engine_repeats"], row["right_share"]) == (15, 1)
    assert row["largest_error_elsewhere"] > 1


def test_where_nothing_is_compared_nothing_is_right():
    of = steps()
    with pytest.raises(SystemExit, match="no step to compare"):
        compared(of._replace(known=np.zeros_like(of.known)))
    with pytest.raises(SystemExit, match="no step to compare"):
        compared(of._replace(next_state=of.next_state + 1))


def test_capsules_on_each_other_are_seen():
    assert not capsules_apart(steps()).any()
    assert capsules_apart(steps(apart=0.95)).all()
