"""What is put around an environment for training alone; evaluations see it as it is."""

from typing import Any

import jax
import jax.numpy as jnp
from mujoco_playground import wrapper


class StaggeredEpisodes(wrapper.Wrapper):
    """Environments that are not all at the same point of their episode.

    Brax starts all episodes at once, so that each batch of experience holds one phase of the
    episode only, and the policy forgets the others.
    """

    def __init__(self, env: Any, episode_length: int):
        super().__init__(env)
        self._episode_length = episode_length

    def reset(self, rng: jax.Array) -> Any:
        """Reset, and count each first episode from a random step on."""
        state = self.env.reset(rng)
        length = self._episode_length
        steps = jax.vmap(lambda key: jax.random.randint(jax.random.fold_in(key, 1), (), 0, length))
        state.info["steps"] = steps(rng).astype(state.info["steps"].dtype)
        return state


class RewardedProgress(wrapper.Wrapper):
    """An environment that also rewards what a step comes closer to its target.

    For tasks whose own reward hardly tells a step in the right direction from one in the wrong
    one. Undiscounted, that reward sums to what was gained over the whole way, so that it does not
    pay to come and go (Ng, Harada and Russell 1999).
    """

    def __init__(self, env: Any, first: int, last: int, weight: float):
        """Wrap an environment.

        Args:
            env: whose observation holds the offset to the target.
            first: index of the offset's first component in the observation.
            last: index of its last one.
            weight: reward for each unit of distance, in most environments a metre.
        """
        super().__init__(env)
        self._offset = slice(first, last + 1)
        self._weight = weight

    def step(self, state: Any, action: jax.Array) -> Any:
        """The environment's own step, with another reward."""
        after = self.env.step(state, action)
        was, is_now = (jnp.linalg.norm(x.obs[..., self._offset], axis=-1) for x in (state, after))
        return after.replace(reward=after.reward + self._weight * (was - is_now))
