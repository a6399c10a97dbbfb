"""Soft actor-critic from Brax's losses and networks, in a loop that can be killed and resumed.

Brax's own loop hands out no parameters before its end and takes no optimiser back.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from brax.training import acting, gradients, types
from brax.training.acme import running_statistics, specs
from brax.training.agents.sac import losses as sac_losses
from brax.training.agents.sac import networks as sac_networks

from dynsparse.policies.settings import Settings

_ALPHA_LEARNING_RATE = 3e-4  # Brax's


class Learner(NamedTuple):
    """All that is learnt, with the optimisers' moments; also what a checkpoint holds."""

    normaliser: Any
    policy: Any
    q: Any
    target_q: Any
    log_alpha: Any
    policy_moments: Any
    q_moments: Any
    alpha_moments: Any


class Replay(NamedTuple):
    """The last transitions, as arrays with a row each; ``inserted`` of them so far."""

    rows: types.Transition
    inserted: jax.Array


class Sac:
    """Networks, losses and optimisers of one run.

    Args:
        settings: of the run.
        environment: wrapped for training, a batch of ``num_envs``.
    """

    def __init__(self, settings: Settings, environment: Any):
        self.arguments = settings.arguments
        self.environment = environment
        self.sizes = (int(environment.observation_size), int(environment.action_size))
        self.networks = sac_networks.make_sac_networks(
            *self.sizes,
            preprocess_observations_fn=running_statistics.normalize,
            **settings.network,
        )
        self.make_policy = sac_networks.make_inference_fn(self.networks)
        optimiser = optax.adam(self.arguments["learning_rate"])
        self._optimisers = (optimiser, optimiser, optax.adam(_ALPHA_LEARNING_RATE))
        alpha, q, policy = sac_losses.make_losses(
            self.networks,
            reward_scaling=self.arguments["reward_scaling"],
            discounting=self.arguments["discounting"],
            action_size=self.sizes[1],
        )
        self._updates = [
            gradients.gradient_update_fn(loss, optimiser, pmap_axis_name=None)
            for loss, optimiser in zip((policy, q, alpha), self._optimisers, strict=True)
        ]

    def learner(self, key: jax.Array) -> Learner:
        """A learner that has learnt nothing."""
        keys = jax.random.split(key)
        policy, q = (
            net.init(k)
            for net, k in zip(
                (self.networks.policy_network, self.networks.q_network), keys, strict=True
            )
        )
        learnt = (policy, q, jnp.zeros(()))
        moments = [opt.init(x) for opt, x in zip(self._optimisers, learnt, strict=True)]
        normaliser = running_statistics.init_state(specs.Array(self.sizes[:1], np.dtype("float32")))
        return Learner(normaliser, policy, q, q, learnt[2], *moments)

    def replay(self) -> Replay:
        """An empty replay buffer of ``max_replay_size`` rows, a multiple of ``num_envs``."""
        envs = self.arguments["num_envs"]
        size = -(-self.arguments["max_replay_size"] // envs) * envs
        observation, action = ((size, width) for width in self.sizes)
        extras = {"state_extras": {"truncation": (size,)}, "policy_extras": {}}
        shapes = types.Transition(observation, action, (size,), (size,), observation, extras)
        rows = jax.tree.map(jnp.zeros, shapes, is_leaf=_is_shape)
        return Replay(rows, jnp.zeros((), jnp.int32))

    def experience(
        self, learner: Learner, state: Any, replay: Replay, key: jax.Array
    ) -> tuple[Learner, Any, Replay]:
        """One step of all environments, kept."""
        policy = self.make_policy((learner.normaliser, learner.policy))
        state, new = acting.actor_step(
            self.environment, state, policy, key, extra_fields=("truncation",)
        )
        position = replay.inserted % len(replay.rows.reward)
        insert = functools.partial(jax.lax.dynamic_update_slice_in_dim, axis=0)
        rows = jax.tree.map(lambda old, x: insert(old, x, position), replay.rows, new)
        normaliser = running_statistics.update(learner.normaliser, new.observation)
        inserted = replay.inserted + len(new.reward)
        return learner._replace(normaliser=normaliser), state, Replay(rows, inserted)

    def update(self, learner: Learner, batch: types.Transition, key: jax.Array) -> Learner:
        """One gradient step of policy, value and temperature."""
        update_policy, update_q, update_alpha = self._updates
        keys = jax.random.split(key, 3)
        normaliser = learner.normaliser
        _, log_alpha, alpha_moments = update_alpha(
            *(learner.log_alpha, learner.policy, normaliser, batch, keys[0]),
            optimizer_state=learner.alpha_moments,
        )
        alpha = jnp.exp(learner.log_alpha)
        _, q, q_moments = update_q(
            *(learner.q, learner.policy, normaliser, learner.target_q, alpha, batch, keys[1]),
            optimizer_state=learner.q_moments,
        )
        _, policy, policy_moments = update_policy(
            *(learner.policy, normaliser, learner.q, alpha, batch, keys[2]),
            optimizer_state=learner.policy_moments,
        )
        target_q = optax.incremental_update(q, learner.target_q, self.arguments["tau"])
        moments = (policy_moments, q_moments, alpha_moments)
        return Learner(normaliser, policy, q, target_q, log_alpha, *moments)

    def epoch(
        self, steps: int, updates: int
    ) -> Callable[[Learner, Any, Replay, jax.Array], tuple[Learner, Any, Replay]]:
        """``steps`` of all environments, with ``updates`` gradient steps after each; compiled."""

        def step(carry: Any, key: jax.Array) -> tuple[Any, None]:
            act, sample, learn = jax.random.split(key, 3)
            learner, state, replay = carry
            learner, state, replay = self.experience(learner, state, replay, act)
            shape = (updates, self.arguments["batch_size"])
            stored = jnp.minimum(replay.inserted, len(replay.rows.reward))
            chosen = jax.random.randint(sample, shape, 0, stored)
            batches = jax.tree.map(lambda x: x[chosen], replay.rows)
            keys = jax.random.split(learn, updates)
            learner, _ = jax.lax.scan(
                lambda learner, x: (self.update(learner, *x), None), learner, (batches, keys)
            )
            return (learner, state, replay), None

        def run(learner: Learner, state: Any, replay: Replay, key: jax.Array) -> Any:
            keys = jax.random.split(key, steps)
            return jax.lax.scan(step, (learner, state, replay), keys)[0]

        return jax.jit(run, donate_argnums=2)


def _is_shape(leaf: Any) -> bool:
    return isinstance(leaf, tuple) and all(isinstance(size, int) for size in leaf)


def train_sac(
    settings: Settings,
    environments: tuple[Any, Any],
    stream: int,
    started_at: int,
    restore: Callable[[Any], Any],
    evaluated: Callable[[int, dict[str, Any], Learner], None],
) -> None:
    """Train from ``started_at`` control steps on to the end.

    Args:
        settings: of the run.
        environments: wrapped for training and for evaluation.
        stream: seeds everything.
        started_at: control steps done before; the replay buffer is then filled again by the
            policy that was reached.
        restore: gives the learner reached, in the structure of the one it is handed.
        evaluated: called after each evaluation with the steps done, Brax's metrics, the learner.
    """
    sac, arguments = Sac(settings, environments[0]), settings.arguments
    envs, length = arguments["num_envs"], settings.evaluation_steps
    keys = iter(jax.random.split(jax.random.PRNGKey(stream), 2 * settings.evaluations + 4))
    learner = sac.learner(next(keys))
    if started_at:
        learner = restore(learner)
    evaluator = acting.Evaluator(
        environments[1],
        sac.make_policy,
        arguments["num_eval_envs"],
        arguments["episode_length"],
        action_repeat=1,
        key=next(keys),
    )
    reset = jax.jit(environments[0].reset)
    state = reset(jax.random.split(next(keys), envs))
    fill = sac.epoch(arguments["min_replay_size"] // envs, 0)
    learner, state, replay = fill(learner, state, sac.replay(), next(keys))
    train = sac.epoch(length // envs, arguments["grad_updates_per_step"])
    for steps in range(started_at + length, settings.evaluations * length + 1, length):
        state = reset(jax.random.split(next(keys), envs))
        learner, state, replay = train(learner, state, replay, next(keys))
        metrics = evaluator.run_evaluation((learner.normaliser, learner.policy), {})
        evaluated(steps, metrics, learner)
