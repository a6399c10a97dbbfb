"""Training experts: Brax's PPO or SAC on a Playground environment."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from brax.training.acme import running_statistics, specs
from brax.training.agents.ppo import networks as ppo_networks
from brax.training.agents.ppo import train as ppo
from mujoco_playground import wrapper

from dynsparse.environments import playground_environment
from dynsparse.environments.playground import observation_size
from dynsparse.policies.checkpoint import Policy
from dynsparse.policies.compatibility import brax_on_this_jax
from dynsparse.policies.record import TrainingRecord
from dynsparse.policies.sac import train_sac
from dynsparse.policies.settings import Settings, training_settings
from dynsparse.policies.wrappers import RewardedProgress, StaggeredEpisodes
from dynsparse.precision import precision
from dynsparse.running.console import progress

# Brax's defaults.
ACTIVATIONS = {"ppo": "swish", "sac": "relu"}


def train(
    environment: str,
    seed: int,
    overrides: Mapping[str, Any],
    folder: Path,
) -> TrainingRecord:
    """Train a policy in single precision, or go on where a killed run stopped.

    What is carried over a kill: networks, observation normaliser, step count and curve; with SAC
    the optimisers' moments too, which Brax's PPO does not take back. What is not: the
    environments' states, the replay buffer and the random stream; a run that was killed ends
    with another policy, of the same training length.

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
    started_at = record.steps
    stream = _stream(seed, started_at)
    label = f"training {environment}, seed {seed}"

    with precision("float32"), progress(total, label, "step", started_at) as bar:
        base = playground_environment(environment)
        observation_size(base, environment)  # not a mapping, of which the networks know nothing
        environments = _environments(settings, base)

        def evaluated(steps: int, metrics: Mapping[str, Any], parameters: Any) -> None:
            mean, std = (float(metrics[f"eval/episode_reward{x}"]) for x in ("", "_std"))
            policy = _policy(environment, seed, steps, parameters, settings.algorithm)
            record.append(steps, mean, std, policy, parameters)
            bar.set_postfix_str(f"return {mean:.0f}")
            bar.update(steps - bar.n)

        algorithm = {"ppo": _train_ppo, "sac": train_sac}[settings.algorithm]
        algorithm(settings, environments, stream, started_at, record.restore, evaluated)
    return record


def _environments(settings: Settings, base: Any) -> tuple[Any, Any]:
    """Wrapped for training and for evaluation."""
    if settings.engine == "mujoco":
        from dynsparse.policies.c_training import EngineEnvironment

        base = EngineEnvironment(base)
    wrap = wrapper.wrap_for_brax_training
    length = settings.training_episode_length
    rewarding = RewardedProgress(base, **settings.progress) if settings.progress else base
    training = wrap(rewarding, episode_length=length, full_reset=settings.full_reset)
    evaluation = wrap(base, episode_length=settings.arguments["episode_length"])
    return StaggeredEpisodes(training, length), evaluation


def _train_ppo(
    settings: Settings,
    environments: tuple[Any, Any],
    stream: int,
    started_at: int,
    restore: Callable[[Any], Any],
    evaluated: Callable[[int, Mapping[str, Any], Any], None],
) -> None:
    """Brax's PPO; arguments as those of ``train_sac``."""
    latest: dict[str, Any] = {}

    def keep(_steps: int, _make_policy: Any, parameters: Any) -> None:
        latest.update(parameters=parameters)

    def report(steps: int, metrics: Mapping[str, Any]) -> None:
        if steps:
            evaluated(started_at + steps, metrics, latest["parameters"])

    arguments = {
        k: v for k, v in settings.arguments.items() if k not in ("num_timesteps", "num_evals")
    }
    remaining = settings.evaluations - started_at // settings.evaluation_steps
    sizes = (int(environments[0].observation_size), int(environments[0].action_size))
    with brax_on_this_jax():
        ppo.train(
            **arguments,
            environment=environments[0],
            eval_env=environments[1],
            wrap_env=False,
            network_factory=functools.partial(ppo_networks.make_ppo_networks, **settings.network),
            # One device: the result is then the same on a machine that has several.
            max_devices_per_host=1,
            num_timesteps=remaining * settings.evaluation_steps,
            num_evals=remaining + 1,
            seed=stream,
            restore_params=restore(_template(settings, *sizes)) if started_at else None,
            policy_params_fn=keep,
            progress_fn=report,
        )


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


def _policy(environment: str, seed: int, steps: int, parameters: Any, algorithm: str) -> Policy:
    """The policy in what was trained, of which normaliser and policy come first."""
    normaliser, network = parameters[0], parameters[1]["params"]
    layers = [network[f"hidden_{index}"] for index in range(len(network))]
    return Policy(
        environment=environment,
        mean=np.asarray(normaliser.mean, np.float32),
        std=np.asarray(normaliser.std, np.float32),
        layers=tuple((np.asarray(layer["kernel"]), np.asarray(layer["bias"])) for layer in layers),
        activation=ACTIVATIONS[algorithm],
        seed=seed,
        steps=steps,
    )


def _stream(seed: int, steps: int) -> int:
    """A seed for Brax, another one after each resumption."""
    return int(np.random.SeedSequence([seed, steps]).generate_state(1)[0] >> 1)
