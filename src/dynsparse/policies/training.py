"""Training experts: Brax's PPO on a Playground environment."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from brax.training.acme import running_statistics, specs
from brax.training.agents.ppo import networks as ppo_networks
from brax.training.agents.ppo import train as ppo
from mujoco_playground import wrapper

from dynsparse.console import progress
from dynsparse.environments import playground_environment
from dynsparse.policies.checkpoint import Policy
from dynsparse.policies.compatibility import brax_on_this_jax
from dynsparse.policies.record import TrainingRecord
from dynsparse.policies.settings import Settings, training_settings

ACTIVATION = "swish"  # Brax's default for PPO


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


def train(
    environment: str,
    seed: int,
    overrides: Mapping[str, Any],
    folder: Path,
) -> TrainingRecord:
    """Train a policy, or go on where a killed run stopped.

    What is carried over a kill: networks, observation normaliser, step count and curve. What
    is not: the optimiser's moments, the environments' states and the random stream; a run that
    was killed ends with another policy, of the same training length.

    Args:
        environment: Playground's name.
        seed: seeds the networks, the environments and the actions.
        overrides: see ``training_settings``.
        folder: holds the unfinished run.

    Raises:
        DynsparseError: unknown environment or setting, impossible value, or a folder with a
            run of other settings.
    """
    settings = training_settings(environment, overrides)
    record = TrainingRecord(folder, environment, seed, settings.as_dict())
    total = settings.evaluations * settings.evaluation_steps
    if record.steps >= total:
        return record
    base = playground_environment(environment)
    sizes = (int(base.observation_size), int(base.action_size))
    started_at = record.steps
    restored = record.restore(_template(settings, *sizes)) if started_at else None
    latest: dict[str, Any] = {}

    with progress(total, f"training {environment}, seed {seed}", "step", started_at) as bar:

        def keep(steps: int, _make_policy: Any, parameters: Any) -> None:
            latest.update(parameters=parameters)

        def evaluated(steps: int, metrics: Mapping[str, Any]) -> None:
            if steps == 0:
                return
            mean, std = (float(metrics[f"eval/episode_reward{x}"]) for x in ("", "_std"))
            done = started_at + steps
            policy = _policy(environment, seed, done, latest["parameters"])
            record.append(done, mean, std, policy, latest["parameters"])
            bar.set_postfix_str(f"return {mean:.0f}")
            bar.update(done - bar.n)

        remaining = settings.evaluations - started_at // settings.evaluation_steps
        with brax_on_this_jax():
            ppo.train(
                **_brax_arguments(settings, base),
                num_timesteps=remaining * settings.evaluation_steps,
                num_evals=remaining + 1,
                seed=_stream(seed, started_at),
                restore_params=restored,
                policy_params_fn=keep,
                progress_fn=evaluated,
            )
    return record


def _brax_arguments(settings: Settings, base: Any) -> dict[str, Any]:
    """What Brax's PPO is called with, but for how long and from where."""
    if settings.engine == "mujoco":
        from dynsparse.policies.engine import EngineEnvironment

        base = EngineEnvironment(base)
    arguments = {k: v for k, v in settings.ppo.items() if k not in ("num_timesteps", "num_evals")}
    wrap = functools.partial(wrapper.wrap_for_brax_training, base)
    length = settings.training_episode_length
    training = wrap(episode_length=length, full_reset=settings.full_reset)
    return arguments | {
        "environment": StaggeredEpisodes(training, length),
        "eval_env": wrap(episode_length=arguments["episode_length"]),
        "wrap_env": False,
        "network_factory": functools.partial(ppo_networks.make_ppo_networks, **settings.network),
        # One device: the result is then the same on a machine that has several.
        "max_devices_per_host": 1,
    }


def _template(settings: Settings, observation_size: int, action_size: int) -> Any:
    """Normaliser, policy and value parameters as Brax makes them; only their structure counts."""
    networks = ppo_networks.make_ppo_networks(observation_size, action_size, **settings.network)
    key = jax.random.PRNGKey(0)
    observation = specs.Array((observation_size,), np.dtype("float32"))
    return (
        running_statistics.init_state(observation),
        networks.policy_network.init(key),
        networks.value_network.init(key),
    )


def _policy(environment: str, seed: int, steps: int, parameters: Any) -> Policy:
    """The policy in Brax's parameters (normaliser, policy, value)."""
    normaliser, network = parameters[0], parameters[1]["params"]
    layers = [network[f"hidden_{index}"] for index in range(len(network))]
    return Policy(
        environment=environment,
        mean=np.asarray(normaliser.mean, np.float32),
        std=np.asarray(normaliser.std, np.float32),
        layers=tuple((np.asarray(layer["kernel"]), np.asarray(layer["bias"])) for layer in layers),
        activation=ACTIVATION,
        seed=seed,
        steps=steps,
    )


def _stream(seed: int, steps: int) -> int:
    """A seed for Brax, another one after each resumption."""
    return int(np.random.SeedSequence([seed, steps]).generate_state(1)[0] >> 1)
