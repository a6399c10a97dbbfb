"""Experts: trained, chosen, evaluated, and described by a card."""

import json
import os
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dynsparse.policies.checkpoint import load_policy, save_policy
from dynsparse.policies.evaluation import evaluate_policy
from dynsparse.policies.record import TrainingRecord
from dynsparse.policies.settings import ALGORITHMS
from dynsparse.policies.shipped import FILES
from dynsparse.policies.training import train
from dynsparse.running.locks import claimed
from dynsparse.storage.files import whole_file

# Evaluations draw from another stream than training does.
_EVALUATION_STREAM = 2**20
_PACKAGES = ("jax", "jaxlib", "brax", "mujoco", "mujoco-mjx", "playground", "optax")


def train_expert(environment: str, seed: int, overrides: Mapping[str, Any], output: Path) -> None:
    """Train an expert into a folder, or go on with a training that was killed.

    Writes ``policy.safetensors`` (the policy with the best evaluation during training),
    ``half.safetensors`` (the one before it whose evaluation was closest to half of that),
    ``curve.parquet`` (all evaluations) and ``card.json`` (settings, steps, seconds, device,
    versions, and returns over 128 new episodes). Until then all is in ``output/.training``.

    Args:
        environment: Playground's name.
        seed: of this repetition.
        overrides: see ``training_settings``.
        output: the expert's folder.

    Raises:
        DynsparseError: another process trains into the folder; or see ``training.train``.
    """
    unfinished = output / ".training"
    with claimed(unfinished):
        record = train(environment, seed, overrides, unfinished)
        _choose(record, seed, output)
    # Not earlier: a network's file system keeps a file that is open, and its folder with it.
    shutil.rmtree(unfinished)


def _choose(record: TrainingRecord, seed: int, output: Path) -> None:
    """Evaluate the best policy and a half-trained one, and write all that is kept of a run."""
    steps, means = (record.curve[name].to_numpy() for name in ("steps", "reward_mean"))
    best = int(np.argmax(means))
    half = int(np.argmin(np.abs(means[: best + 1] - means[best] / 2)))
    card = _card(record, seed)
    for kind, index in {"expert": best, "half": half}.items():
        policy = load_policy(record.policy_path(int(steps[index])))
        returns = evaluate_policy(policy, _EVALUATION_STREAM + seed)
        facts = {mode: value.as_dict() for mode, value in returns.items()}
        card[kind] = {"file": FILES[kind], "steps": policy.steps, "evaluation": facts}
        save_policy(output / FILES[kind], policy, card=card[kind])
    record.write_curve(output / "curve.parquet")
    with whole_file(output / "card.json") as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n")


def _card(record: TrainingRecord, seed: int) -> dict[str, Any]:
    """How a policy came to be."""
    device = jax.devices()[0]
    last = {name: record.curve[name][-1].as_py() for name in ("environment", "steps", "seconds")}
    return {
        "environment": last["environment"],
        "seed": seed,
        "algorithm": ALGORITHMS[record.settings["algorithm"]],
        "settings": record.settings,
        "steps": last["steps"],
        "seconds": round(last["seconds"], 1),
        "device": f"{device.platform}: {device.device_kind}, {os.cpu_count()} processor cores",
        "versions": {name: version(name) for name in _PACKAGES},
    }
