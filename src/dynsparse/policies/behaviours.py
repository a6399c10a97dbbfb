"""Behaviours: what chooses the actions of a rollout."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynsparse.environments import playground_environment
from dynsparse.environments.playground import observation_size
from dynsparse.errors import DynsparseError
from dynsparse.policies.checkpoint import load_policy
from dynsparse.policies.network import policy_functions, policy_parameters
from dynsparse.policies.shipped import FILES, shipped_expert
from dynsparse.storage.files import sha256
from dynsparse.suite import GYMNASIUM_ON_MJX, begins_again, suite_of

KINDS = ("random", *FILES)


@dataclass(frozen=True)
class Behaviour:
    """A policy to roll out.

    Attributes:
        kind: one of ``KINDS``.
        rule: what ``act`` is: ``random``, ``uniform``, or the activation between a policy's layers.
        digest: SHA-256 of the policy's file; empty for a random behaviour.
        steps: control steps the policy was trained for; 0 for a random behaviour.
        parameters: arrays, in JAX's precision when the behaviour was made.
        act: ``act(parameters, observation, key) -> action``, pure. Hand ``parameters`` to
            compiled code as an argument: it is then compiled once for all seeds.
    """

    kind: str
    rule: str
    digest: str
    steps: int
    parameters: Any
    act: Callable[[Any, Any, jax.Array], jax.Array]

    def __call__(self, observation: Any, key: jax.Array) -> jax.Array:
        """An action for an observation."""
        return self.act(self.parameters, observation, key)


def make_behaviour(
    kind: str, environment: str, seed: int, policy_file: Path | None = None
) -> Behaviour:
    """A behaviour by its kind.

    Args:
        kind: ``random`` (uniform in [-1, 1], clipped to the actuators' range; for robots, whose
            actions are no controls, not clipped; for Gymnasium's tasks, as there, uniform in that
            range), ``expert``, or ``half`` (partly trained). The last two act stochastically.
        environment: Playground's name.
        seed: which of the shipped policies.
        policy_file: a policy to use in place of a shipped one.

    Raises:
        DynsparseError: the kind does not exist, no such policy is shipped, or the file is not a
            policy for this environment.
    """
    if kind not in KINDS:
        raise DynsparseError(f"behaviour {kind!r} does not exist; use {' or '.join(KINDS)}")
    robot = begins_again(environment)
    if robot and kind != "random":
        raise DynsparseError(
            f"environment {environment!r}: there are no policies of robots; use the behaviour"
            " random"
        )
    base = playground_environment(environment)
    if kind == "random":
        rule, act = kind, random_action
        if suite_of(environment) is GYMNASIUM_ON_MJX:
            rule, act = "uniform", uniform_action
        bounds = _no_bounds(base.action_size) if robot else _action_range(base.mj_model)
        return Behaviour(kind, rule, "", 0, bounds, act)
    path = policy_file or shipped_expert(environment, seed, kind)
    sizes = observation_size(base, environment), int(base.action_size)
    policy = load_policy(path, environment, *sizes)
    stochastic, _ = policy_functions(policy.activation)
    facts = (kind, policy.activation, sha256(path), policy.steps)
    return Behaviour(*facts, policy_parameters(policy), stochastic)


def random_action(
    bounds: tuple[jax.Array, jax.Array], observation: Any, key: jax.Array
) -> jax.Array:
    """An action uniform in [-1, 1], clipped to ``bounds``, whatever the observation, if any."""
    del observation
    low, high = bounds
    action = jax.random.uniform(key, low.shape, low.dtype, minval=-1.0, maxval=1.0)
    return jnp.clip(action, low, high)


def _no_bounds(size: int) -> tuple[jax.Array, jax.Array]:
    return jnp.full(int(size), -jnp.inf), jnp.full(int(size), jnp.inf)


def uniform_action(
    bounds: tuple[jax.Array, jax.Array], observation: Any, key: jax.Array
) -> jax.Array:
    """An action uniform between ``bounds``, whatever the observation."""
    del observation
    low, high = bounds
    return jax.random.uniform(key, low.shape, low.dtype, low, high)


def _action_range(model: Any) -> tuple[jax.Array, jax.Array]:
    """The actuators' lower and upper limits; infinite where there are none."""
    limited = np.asarray(model.actuator_ctrllimited, bool)
    low = np.where(limited, model.actuator_ctrlrange[:, 0], -np.inf)
    high = np.where(limited, model.actuator_ctrlrange[:, 1], np.inf)
    dtype = jnp.zeros(()).dtype
    return jnp.asarray(low, dtype), jnp.asarray(high, dtype)
