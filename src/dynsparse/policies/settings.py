"""What a training run is made with: Playground's tuned settings and what overrides them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.suite import SUITE, begins_again

ALGORITHMS = {"ppo": "PPO (Brax)", "sac": "SAC (Brax)"}
PROGRESS = {"first", "last", "weight"}

# Settings that Playground leaves at Brax's defaults (0.14.2), so that a schedule may set them and
# a card shows them.
_BRAX_DEFAULTS: dict[str, dict[str, Any]] = {
    "ppo": {
        "clipping_epsilon": 0.3,
        "desired_kl": 0.01,
        "gae_lambda": 0.95,
        "learning_rate_schedule": "NONE",
        "max_grad_norm": None,
        "num_eval_envs": 128,
    },
    "sac": {"num_eval_envs": 128, "tau": 0.005},
}
_NETWORK_DEFAULTS: dict[str, dict[str, Any]] = {
    "ppo": {
        "policy_hidden_layer_sizes": [32, 32, 32, 32],
        "value_hidden_layer_sizes": [256, 256, 256, 256, 256],
    },
    "sac": {"hidden_layer_sizes": [256, 256], "q_network_layer_norm": False},
}
_POSITIVE = {
    "ppo": (
        *("num_timesteps", "num_evals", "num_envs", "num_eval_envs", "batch_size"),
        *("num_minibatches", "unroll_length", "num_updates_per_batch", "learning_rate"),
        *("episode_length", "training_episode_length"),
    ),
    "sac": (
        *("num_timesteps", "num_evals", "num_envs", "num_eval_envs", "batch_size"),
        *("grad_updates_per_step", "min_replay_size", "max_replay_size", "learning_rate"),
        *("episode_length", "training_episode_length"),
    ),
}


@dataclass(frozen=True)
class Settings:
    """Resolved settings of one training run.

    Attributes:
        algorithm: ``ppo`` or ``sac``.
        arguments: those of Brax's ``ppo.train`` or ``sac.train`` by their names there.
        network: arguments of Brax's ``make_ppo_networks`` or ``make_sac_networks``.
        engine: what advances the simulator: ``mjx``, or ``mujoco`` (the C engine, on the CPU).
        full_reset: an episode starts from a fresh random state; False: from the first state
            that its environment ever had, which is cheaper where a reset is dear.
        training_episode_length: control steps of an episode in training; evaluations have
            ``arguments["episode_length"]``. Shorter ones keep training near the first states.
        progress: arguments of ``RewardedProgress``, the reward in training for coming closer to a
            target; empty for the task's own reward alone.
    """

    algorithm: str
    arguments: dict[str, Any]
    network: dict[str, Any]
    engine: str
    full_reset: bool
    training_episode_length: int
    progress: dict[str, Any]

    @property
    def evaluations(self) -> int:
        """Stretches of training that end with an evaluation and a checkpoint."""
        return max(int(self.arguments["num_evals"]) - 1, 1)

    @property
    def evaluation_steps(self) -> int:
        """Control steps from one evaluation to the next, rounded up as Brax does."""
        a = self.arguments
        unit = a["num_envs"]
        if self.algorithm == "ppo":
            resets = max(a["num_resets_per_eval"], 1)
            unit = a["batch_size"] * a["unroll_length"] * a["num_minibatches"] * resets
        return math.ceil(a["num_timesteps"] / (self.evaluations * unit)) * unit

    def as_dict(self) -> dict[str, Any]:
        """All settings, for a card."""
        return asdict(self)


def training_settings(environment: str, overrides: Mapping[str, Any]) -> Settings:
    """Playground's tuned settings for an environment, with ``overrides``.

    Args:
        environment: Playground's name.
        overrides: settings of Brax's algorithm, ``network_factory`` (a mapping), and those of
            ``Settings`` by their names.

    Raises:
        DynsparseError: a key does not exist, or a value cannot be; or it is a robot's.
    """
    if begins_again(environment):
        raise DynsparseError(
            f"environment {environment!r}: policies of robots are not trained; use the behaviour"
            " random"
        )
    algorithm = overrides.get("algorithm", "ppo")
    if algorithm not in ALGORITHMS:
        raise DynsparseError(
            f"training setting 'algorithm' of {environment} is {algorithm!r};"
            " it has to be 'ppo' or 'sac'"
        )
    tuned = _tuned(environment, algorithm)
    network = _NETWORK_DEFAULTS[algorithm] | dict(tuned.pop("network_factory", {}))
    ours = {
        "algorithm": algorithm,
        "engine": "mjx",
        "full_reset": algorithm == "ppo",
        "training_episode_length": tuned["episode_length"],
        "progress": {},
    }
    known = _BRAX_DEFAULTS[algorithm] | tuned | ours | {"network_factory": {}}
    _check_keys(environment, overrides, known)
    _check_keys(environment, overrides.get("network_factory", {}), network)
    network |= overrides.get("network_factory", {})
    resolved = known | {k: v for k, v in overrides.items() if k != "network_factory"}
    others = (*ours, "network_factory")
    arguments = {key: resolved[key] for key in sorted(resolved) if key not in others}
    settings = Settings(
        arguments=arguments, network=network, **{key: resolved[key] for key in ours}
    )
    _check_values(environment, settings)
    return settings


def _tuned(environment: str, algorithm: str) -> dict[str, Any]:
    """Playground's settings; without those that would train something else than is used here."""
    from mujoco_playground.config import dm_control_suite_params

    from dynsparse.environments.playground import default_config

    make = getattr(dm_control_suite_params, f"brax_{algorithm}_config")
    # CartpoleBalance has what Playground gives to all that it says nothing special of.
    known = environment in SUITE
    tuned: dict[str, Any] = make(environment if known else "CartpoleBalance", "jax").to_dict()
    if not known:
        tuned["episode_length"] = default_config(environment).episode_length
    # Never anything but 1 for a name that exists; another value would train another policy
    # than the one that acts at every control step.
    tuned.pop("action_repeat")
    if algorithm == "sac":
        # Always: the loop here resets after each evaluation, and a policy has a normaliser.
        del tuned["num_resets_per_eval"], tuned["normalize_observations"]
    return tuned


def schedule(path: Path | str, environment: str) -> dict[str, Any]:
    """The overrides for an environment in a file of schedules; none if it is not in there.

    Raises:
        DynsparseError: the file is missing or is not a mapping of environments to settings.
    """
    try:
        schedules = yaml.safe_load(Path(path).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise DynsparseError(f"{path}: not a file of schedules: {error}") from error
    if not isinstance(schedules, dict):
        raise DynsparseError(f"{path}: not a mapping of environments to settings")
    return dict(schedules.get(environment) or {})


def _check_keys(environment: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for key in given:
        if key not in known:
            raise DynsparseError(
                f"training setting {key!r} of {environment} does not exist; "
                f"{did_you_mean(key, known)}"
            )


def _check_values(environment: str, settings: Settings) -> None:
    if settings.engine not in ("mjx", "mujoco"):
        raise DynsparseError(
            f"training setting 'engine' of {environment} is {settings.engine!r};"
            " it has to be 'mjx' or 'mujoco'"
        )
    if settings.progress and set(settings.progress) != PROGRESS:
        raise DynsparseError(
            f"training setting 'progress' of {environment} is {settings.progress!r};"
            " it has to have 'first', 'last' and 'weight'"
        )
    arguments = settings.arguments
    for key in _POSITIVE[settings.algorithm]:
        value = arguments.get(key, settings.training_episode_length)
        if isinstance(value, str) or not value > 0:
            raise DynsparseError(
                f"training setting {key!r} of {environment} is {value!r}; it has to be positive"
            )
    if settings.algorithm == "sac":
        return
    if arguments["batch_size"] * arguments["num_minibatches"] % arguments["num_envs"]:
        raise DynsparseError(
            f"training settings of {environment}: batch_size x num_minibatches has to be a"
            f" multiple of num_envs ({arguments['num_envs']})"
        )
