"""How well a policy does: its return over whole episodes of the environment itself."""

import functools
from dataclasses import asdict, dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from dynsparse.environments import playground_environment
from dynsparse.policies.checkpoint import Policy
from dynsparse.policies.network import PolicyParameters, policy_functions, policy_parameters

EPISODES = 128
EPISODE_STEPS = 1000
_RESAMPLES = 10_000


@dataclass(frozen=True)
class Return:
    """Mean return over episodes, with a 95 % bootstrap interval of the mean.

    Attributes:
        mean, low, high: of the undiscounted sum of rewards over an episode.
        std: standard deviation over episodes.
        episodes: how many.
    """

    mean: float
    low: float
    high: float
    std: float
    episodes: int

    def as_dict(self) -> dict[str, float]:
        """For a card."""
        return asdict(self)


def evaluate_policy(
    policy: Policy, seed: int, episodes: int = EPISODES, steps: int = EPISODE_STEPS
) -> dict[str, Return]:
    """Return of the stochastic and of the deterministic policy.

    Runs the environment on MJX in JAX's precision at the time of the call.

    Args:
        policy: what to evaluate, in the environment that it was trained for.
        seed: seeds the first states and the actions.
        episodes: how many episodes, all at once.
        steps: control steps in an episode.

    Returns:
        A ``Return`` under ``stochastic`` and one under ``deterministic``.
    """
    environment = playground_environment(policy.environment)
    parameters = policy_parameters(policy)
    modes = ("stochastic", "deterministic")
    keys = jax.random.split(jax.random.PRNGKey(seed), len(modes))
    results = {}
    for mode, act, key in zip(modes, policy_functions(policy.activation), keys, strict=True):
        episode = functools.partial(_episode_return, environment, act, steps)
        returns = jax.jit(jax.vmap(episode, in_axes=(None, 0)))(
            parameters, jax.random.split(key, episodes)
        )
        results[mode] = mean_return(np.asarray(returns, np.float64), seed)
    return results


def _episode_return(
    environment: Any, act: Any, steps: int, parameters: PolicyParameters, key: jax.Array
) -> jax.Array:
    """Sum of rewards over one episode."""

    def step(state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        state = environment.step(state, act(parameters, state.obs, key))
        return state, state.reward

    keys = jax.random.split(key, steps + 1)
    return jax.lax.scan(step, environment.reset(keys[0]), keys[1:])[1].sum()


def mean_return(returns: Float[np.ndarray, " episodes"], seed: int) -> Return:
    """Mean and 95 % percentile-bootstrap interval of episodes' returns."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(returns), size=(_RESAMPLES, len(returns)))
    low, high = np.percentile(returns[draws].mean(axis=1), [2.5, 97.5])
    std = float(returns.std())
    return Return(float(returns.mean()), float(low), float(high), std, len(returns))
