import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.training.acme import running_statistics
from brax.training.agents.ppo import networks as ppo_networks

from dynsparse.errors import DynsparseError
from dynsparse.policies.network import policy_functions, policy_parameters
from dynsparse.policies.training import _policy
from dynsparse.precision import precision

OBSERVATION_SIZE, ACTION_SIZE = 6, 2

# Brax's forward pass differs in nothing but the order of some float32 additions.
FLOAT32_ROUNDING = 1e-6


@pytest.fixture(scope="module")
def brax():
    networks = ppo_networks.make_ppo_networks(
        OBSERVATION_SIZE, ACTION_SIZE, preprocess_observations_fn=running_statistics.normalize
    )
    state = running_statistics.init_state(jnp.zeros(OBSERVATION_SIZE))
    batch = 3.0 * jax.random.normal(jax.random.PRNGKey(5), (100, OBSERVATION_SIZE)) + 1.0
    normaliser = running_statistics.update(state, batch)
    parameters = (
        normaliser,
        networks.policy_network.init(jax.random.PRNGKey(1)),
        networks.value_network.init(jax.random.PRNGKey(2)),
    )
    return ppo_networks.make_inference_fn(networks), parameters


@pytest.mark.parametrize(("mode", "deterministic"), [(0, False), (1, True)])
@pytest.mark.parametrize("batch", [(), (7,)])
def test_acts_as_brax_does_with_the_same_key(brax, mode, deterministic, batch):
    make_policy, parameters = brax
    policy = _policy("ReacherHard", 0, 0, parameters, "ppo")
    act = policy_functions(policy.activation)[mode]
    for seed in range(20):
        key, observation_key = jax.random.split(jax.random.PRNGKey(seed))
        observation = 3.0 * jax.random.normal(observation_key, (*batch, OBSERVATION_SIZE))
        expected, _ = make_policy(parameters, deterministic)(observation, key)
        action = act(policy_parameters(policy), observation, key)
        np.testing.assert_allclose(action, expected, atol=FLOAT32_ROUNDING)


def test_takes_the_precision_of_its_surroundings(brax):
    policy = _policy("ReacherHard", 0, 0, brax[1], "ppo")
    stochastic, _ = policy_functions("swish")
    with precision("float64"):
        observation = jnp.ones(OBSERVATION_SIZE)
        action = stochastic(policy_parameters(policy), observation, jax.random.PRNGKey(0))
    assert action.dtype == np.float64


def test_policies_of_one_shape_share_one_compilation(brax):
    stochastic = jax.jit(policy_functions("swish")[0])
    first = policy_parameters(_policy("ReacherHard", 0, 0, brax[1], "ppo"))
    second = jax.tree.map(lambda array: array + 1, first)
    for parameters in (first, second):
        stochastic(parameters, jnp.ones(OBSERVATION_SIZE), jax.random.PRNGKey(0))
    assert stochastic._cache_size() == 1


def test_refuses_an_unknown_activation():
    with pytest.raises(DynsparseError, match="'cube' of a policy is not one of relu, swish, tanh"):
        policy_functions("cube")
