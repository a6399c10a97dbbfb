"""Policies on disk: safetensors with a described header, never pickle."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dynsparse.errors import DynsparseError
from dynsparse.storage.files import read_json, whole_file

FORMAT = "dynsparse-policy"
SCHEMA_VERSION = 1

# Kernel (inputs, outputs) and bias (outputs); each layer has sizes of its own.
Layer = tuple[Float[np.ndarray, "_ _"], Float[np.ndarray, " _"]]


@dataclass(frozen=True)
class Policy:
    """A multilayer perceptron from observations to a squashed normal distribution of actions.

    Attributes:
        environment: Playground's name of the environment it was trained for.
        mean, std: the observation normaliser, of the observation's size.
        layers: kernel and bias of each layer; the last one gives a location and a scale
            (before softplus) per action.
        activation: between the layers, a name of ``network.ACTIVATIONS``.
        seed: the seed it was trained with.
        steps: control steps it was trained for.
    """

    environment: str
    mean: Float[np.ndarray, " observation"]
    std: Float[np.ndarray, " observation"]
    layers: tuple[Layer, ...]
    activation: str
    seed: int
    steps: int

    @property
    def observation_size(self) -> int:
        """Numbers in an observation."""
        return int(self.mean.shape[0])

    @property
    def action_size(self) -> int:
        """Numbers in an action."""
        return int(self.layers[-1][1].shape[0]) // 2


def save_policy(path: Path | str, policy: Policy, card: dict[str, Any]) -> None:
    """Write a policy and its card (anything JSON can hold) as one safetensors file.

    Raises:
        DynsparseError: the file cannot be written.
    """
    arrays = {"normaliser.mean": policy.mean, "normaliser.std": policy.std}
    for index, (kernel, bias) in enumerate(policy.layers):
        arrays |= {f"layer.{index}.kernel": kernel, f"layer.{index}.bias": bias}
    header = {
        "schema_version": SCHEMA_VERSION,
        "environment": policy.environment,
        "observation_size": policy.observation_size,
        "action_size": policy.action_size,
        "layers": len(policy.layers),
        "activation": policy.activation,
        "seed": policy.seed,
        "steps": policy.steps,
        "card": card,
    }
    # One key: safetensors orders several at random, and equal policies should be equal files.
    metadata = {FORMAT: json.dumps(header, sort_keys=True)}
    blob = save({k: np.ascontiguousarray(v, np.float32) for k, v in arrays.items()}, metadata)
    with whole_file(path) as temporary:
        temporary.write_bytes(blob)


def load_policy(
    path: Path | str,
    environment: str | None = None,
    observation_size: int | None = None,
    action_size: int | None = None,
) -> Policy:
    """Read a policy, and refuse one that was made for something else.

    Args:
        path: a file that ``save_policy`` wrote.
        environment: the environment it has to have been trained for; None: any.
        observation_size: the size its observations have to have; None: any.
        action_size: the size its actions have to have; None: any.

    Raises:
        DynsparseError: not a policy, damaged, of another schema version, of another
            environment, or of another size.
    """
    metadata, arrays = _read(Path(path))
    policy = _assemble(Path(path), metadata, arrays)
    wanted = {
        "environment": (environment, policy.environment),
        "observation size": (observation_size, policy.observation_size),
        "action size": (action_size, policy.action_size),
    }
    for what, (right, found) in wanted.items():
        if right is not None and right != found:
            raise DynsparseError(f"{path}: the policy's {what} is {found}, not {right}")
    return policy


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays of a policy file."""
    if not path.is_file():
        raise DynsparseError(f"{path}: no such policy file")
    try:
        with safe_open(path, framework="np") as stream:
            metadata = stream.metadata() or {}
            arrays = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
        header = read_json(metadata.get(FORMAT, "null"))
    except (SafetensorError, OSError, ValueError) as error:
        raise DynsparseError(f"{path}: not a policy, or damaged: {error}") from error
    if not isinstance(header, dict):
        raise DynsparseError(f"{path}: not a policy: its header has no {FORMAT!r}")
    version = header.get("schema_version")
    if version != SCHEMA_VERSION:
        raise DynsparseError(f"{path}: policy schema {version}; this code reads {SCHEMA_VERSION}")
    return header, arrays


def _assemble(path: Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Policy:
    """The policy that a file's header describes, if its arrays fit together."""
    try:
        policy = Policy(
            environment=header["environment"],
            mean=arrays["normaliser.mean"],
            std=arrays["normaliser.std"],
            layers=tuple(
                (arrays[f"layer.{index}.kernel"], arrays[f"layer.{index}.bias"])
                for index in range(header["layers"])
            ),
            activation=header["activation"],
            seed=header["seed"],
            steps=header["steps"],
        )
        sizes = [policy.observation_size, *(len(bias) for _, bias in policy.layers)]
        pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
        fit = [kernel.shape for kernel, _ in policy.layers] == pairs
        fit &= policy.std.shape == policy.mean.shape
        fit &= policy.observation_size == header["observation_size"]
        fit &= policy.action_size == header["action_size"]
    except (KeyError, TypeError, IndexError) as error:
        raise DynsparseError(f"{path}: not a whole policy: {error}") from error
    if not fit:
        raise DynsparseError(f"{path}: not a whole policy: its layers do not fit together")
    return policy
