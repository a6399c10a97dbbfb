"""The simulation that a dataset says it was made of, made again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dynsparse.c_engine.collection import default_held, record
from dynsparse.c_engine.dynamics import EngineDynamics
from dynsparse.c_engine.files import BEHAVIOURS, RECORDED, models_digest
from dynsparse.c_engine.layout import Sample
from dynsparse.c_engine.recorder import Recorded
from dynsparse.dataset import DatasetInfo, Episode
from dynsparse.environments import vocabulary
from dynsparse.errors import DynsparseError
from dynsparse.jacobians.tangent import tangent_names
from dynsparse.suite import dataset_name, suite_of


class Remade(NamedTuple):
    """What an episode was made of, made again.

    Attributes:
        dynamics: of its steps.
        recorded: the episode anew from the seed; of a recording one step, which is none of its.
        certain: whether the seed decides all of it: a bare model has nothing else.
    """

    dynamics: EngineDynamics
    recorded: Recorded
    certain: bool


def made_again(
    path: Path, info: DatasetInfo, environment: str | None, model: Path | None
) -> list[Remade]:
    """What each episode was made of, from what the file says of that.

    Raises:
        DynsparseError: that cannot be made, is another now, or has other names.
    """
    facts = _simulation(path, info)
    name = _trusted(path, facts["name"], environment, model)
    if info.behaviour == RECORDED:
        if info.seed or info.held_names:
            raise DynsparseError(f"{path}: a recording has seed 0 and nothing in held_names")
        recorded = record(name, info.seed, 1, 1) * info.episodes
    else:
        recorded = record(name, info.seed, info.episodes, info.steps)
    models = [each.model for each in recorded]
    if models_digest(models) != facts["models_sha256"]:
        raise DynsparseError(f"{path}: {name} is another model now than when the file was made")
    substeps = recorded[0].substeps
    if facts["substeps"] != substeps:
        raise DynsparseError(
            f"{path}: its provenance has {facts['substeps']} simulator steps in a control step,"
            f" where {name} makes {substeps}"
        )
    certain = name.startswith("mjcf:") and info.behaviour != RECORDED
    remade = [
        Remade(EngineDynamics.of(name, each.model, substeps), each, certain) for each in recorded
    ]
    for each in remade[:1] if info.behaviour == RECORDED else remade:
        _check_names(path, info, each.dynamics)
    return remade


def sample_of(info: DatasetInfo, episode: Episode, dynamics: EngineDynamics) -> Sample:
    """What the steps of an episode depended on."""
    held = np.tile(default_held(dynamics), (info.steps, 1))
    held[:, [dynamics.layout.held_names.index(name) for name in info.held_names]] = episode.held
    return Sample(episode.state, episode.memory, episode.action, held)


def _simulation(path: Path, info: DatasetInfo) -> Mapping[str, Any]:
    kinds = {"name": str, "substeps": int, "models_sha256": str}
    facts = json.loads(info.provenance).get("simulation")
    if not isinstance(facts, dict) or not all(
        isinstance(facts.get(key), kind) for key, kind in kinds.items()
    ):
        raise DynsparseError(f"{path}: its provenance does not say what it was made of")
    return facts


def _trusted(path: Path, told: str, environment: str | None, model: Path | None) -> str:
    """The name of the simulation; code that a file names runs only if a person names it too."""
    suite, _, rest = told.partition(":")
    if model is not None and suite == "mjcf":
        steps, counted, _ = rest.partition(":")
        return f"mjcf:{steps}:{model}" if counted and steps.isdigit() else f"mjcf:{model}"
    if environment is not None and environment != told:
        raise DynsparseError(f"{path}: it was made of {told}, not of {environment}")
    if suite_of(told).dynamics != "mujoco_c":
        raise DynsparseError(f"{path}: it was made of {told!r}, which is no simulation")
    if environment is None and suite != "mjcf" and (suite == "callable" or ":" in rest):
        raise DynsparseError(
            f"{path}: it was made by code that is run only if you say so: --environment {told}"
        )
    return told


def _check_names(path: Path, info: DatasetInfo, dynamics: EngineDynamics) -> None:
    """Refuse a file that calls its numbers otherwise than what it was made of."""
    told = json.loads(info.provenance)["simulation"]["name"]
    right = {
        **vocabulary(dynamics),
        "tangent_names": tangent_names(dynamics.mj_model),
        "environment": dataset_name(told),
        "method": dynamics.methods[0],
    }
    if info.behaviour not in BEHAVIOURS:
        right["behaviour"] = " or ".join(BEHAVIOURS)
    for field, value in right.items():
        found = getattr(info, field)
        if found != value:
            raise DynsparseError(f"{path}: {field} {_difference(found, value)} is right")
    held = dynamics.layout.held_names
    if unknown := [name for name in info.held_names if name not in held]:
        raise DynsparseError(f"{path}: nothing that is held is called {unknown[0]!r}")
    if len(set(info.held_names)) < len(info.held_names):
        raise DynsparseError(f"{path}: held_names has a name twice")


def _difference(found: object, right: object) -> str:
    """The first of many names that differs, or all."""
    if isinstance(found, tuple) and isinstance(right, tuple) and len(found) == len(right):
        first = next(k for k in range(len(found)) if found[k] != right[k])
        return f"number {first} is {found[first]!r} where {right[first]!r}"
    return f"is {found!r} where {right!r}"
