"""A simulator from its name: float64, NumPy in and out, the derivatives that datasets hold."""

import json

import api_fakes
import numpy as np
import pytest

import dynsparse as ds
from dynsparse.api.groups import listing, of_model


def test_it_repeats_the_steps_and_derivatives_of_a_dataset(cartpole_file):
    simulator = ds.load("CartpoleBalance")
    assert isinstance(simulator, ds.Simulator)
    episode = ds.load(cartpole_file)[1]
    assert simulator.state_names == ds.load(cartpole_file).state_names
    found = simulator.jacobians(episode.state, episode.action, episode.memory)
    assert all(values.dtype == np.float64 for values in found[:4])
    assert found.ok.all()
    # Another batch, and so another order of sums: rounding.
    for ours, theirs in (
        (found.next_state, episode.next_state),
        (found.state_jacobian, episode.state_jacobian),
        (found.action_jacobian, episode.action_jacobian),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    one = simulator.jacobians(episode.state[3], episode.action[3], episode.memory[3])
    np.testing.assert_allclose(one.state_jacobian, found.state_jacobian[3], rtol=1e-12)
    assert one.ok.shape == ()
    for state, action in (
        (np.zeros(3), np.zeros(1)),
        (np.zeros((2, 4)), np.zeros((3, 1))),
        (np.zeros((1, 2, 4)), np.zeros((1, 2, 1))),
    ):
        with pytest.raises(ds.DynsparseError, match=r"CartpoleBalance: .* should be"):
            simulator.jacobians(state, action)


def test_its_groups_are_those_that_are_shipped(cartpole):
    shipped = json.loads(api_fakes.SHIPPED_GROUPS.read_text())
    assert of_model(cartpole.mj_model) == shipped["CartpoleBalance"]


def test_the_groups_of_the_suite_are_those_of_its_models():
    assert listing() == api_fakes.SHIPPED_GROUPS.read_text()
