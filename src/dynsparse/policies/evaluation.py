"""How well a policy does: its return over whole episodes of the environment itself."""

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dynsparse.environments import playground_environment
from dynsparse.environments.identity import environment_identity
from dynsparse.mjx_internals import bodies_computed_once
from dynsparse.policies.checkpoint import Policy
from dynsparse.policies.network import PolicyParameters, policy_functions, policy_parameters
from dynsparse.precision import precision
from dynsparse.programs import kept

EPISODES = 128
EPISODE_STEPS = 1000
MODES = ("stochastic", "deterministic")  # in the order of ``policy_functions``
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

    Runs the environment on MJX in single precision, in which policies are trained.

    Args:
        policy: what to evaluate, in the environment that it was trained for.
        seed: seeds the first states and the actions.
        episodes: how many episodes, all at once.
        steps: control steps in an episode.

    Returns:
        A ``Return`` under ``stochastic`` and one under ``deterministic``.
    """
    with precision("float32"):
        keys = jax.random.split(jax.random.PRNGKey(seed), len(MODES))
        keys = jnp.concatenate([jax.random.split(key, episodes) for key in keys])
        modes = jnp.repeat(jnp.arange(len(MODES)), episodes)
        run = _episodes(policy.environment, policy.activation, steps)
        returns = np.asarray(run(policy_parameters(policy), modes, keys), np.float64)
    return {
        mode: mean_return(values, seed)
        for mode, values in zip(MODES, returns.reshape(len(MODES), episodes), strict=True)
    }


@functools.cache
def _episodes(name: str, activation: str, steps: int) -> Callable[..., jax.Array]:
    """Returns of episodes, each with a mode and a key; compiled once for policies of a shape."""
    environment = playground_environment(name)
    actions = policy_functions(activation)

    def episode(parameters: PolicyParameters, mode: jax.Array, key: jax.Array) -> jax.Array:
        def step(state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
            choices = jnp.stack([act(parameters, state.obs, key) for act in actions])
            state = environment.step(state, choices[mode])
            return state, state.reward

        keys = jax.random.split(key, steps + 1)
        with bodies_computed_once():
            return jax.lax.scan(step, environment.reset(keys[0]), keys[1:])[1].sum()

    known = environment_identity(name, environment)
    identity = None if known is None else [known, activation, steps]
    episodes = jax.vmap(episode, in_axes=(None, 0, 0))
    return kept(f"{name}-returns-{activation}", __name__, episodes, identity)


def mean_return(returns: Float[np.ndarray, " episodes"], seed: int) -> Return:
    """Mean and 95 % percentile-bootstrap interval of episodes' returns."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(returns), size=(_RESAMPLES, len(returns)))
    low, high = np.percentile(returns[draws].mean(axis=1), [2.5, 97.5])
    std = float(returns.std())
    return Return(float(returns.mean()), float(low), float(high), std, len(returns))
