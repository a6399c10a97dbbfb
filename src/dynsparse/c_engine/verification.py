"""A dataset made on MuJoCo's C engine, held against that engine again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tabulate import tabulate

from dynsparse.c_engine.collection import default_held, record
from dynsparse.c_engine.derivatives import BATCH, OTHER_WIDTHS, differences, known_elements
from dynsparse.c_engine.dynamics import EngineDynamics
from dynsparse.c_engine.files import COUNTED, Shares, models_digest
from dynsparse.c_engine.layout import Sample, same_numbers
from dynsparse.dataset import Dataset, DatasetInfo, Episode
from dynsparse.errors import DynsparseError
from dynsparse.jacobians import in_batches
from dynsparse.suite import suite_of
from dynsparse.verification.differences import CERTAIN, Differences, judge_elements

# Behaviours whose states are a recording's, not those that one step after the other led to.
RECORDED = "recorded"


class VerifiedFile(NamedTuple):
    """What was found out about a file.

    Attributes:
        table: a line per fact, as text.
        refusal: why the file is not verified; None if it is.
    """

    table: str
    refusal: str | None


def verify_simulated(
    path: Path, dataset: Dataset, samples: int, environment: str | None, model: Path | None
) -> VerifiedFile:
    """Replay all steps bit for bit, and hold Jacobians against differences of other widths.

    Args:
        path: of the dataset, for messages.
        dataset: the file under test.
        samples: how many Jacobians, evenly from the whole file.
        environment: what it was made of, if that is a stranger's code.
        model: the MJCF file that it was made of, if that is not where it was.

    Raises:
        DynsparseError: what it was made of cannot be made again, or is another now.
    """
    info = dataset.info
    dynamics = _made_again(path, info, environment, model)
    stride = max(1, -(-info.episodes * info.steps // samples))
    replayed, apart, first_apart, chained = 0, 0.0, "-", 0
    counts, shares = np.zeros(4, int), Shares()
    for episode, of in zip(dataset.episodes(), dynamics, strict=True):
        sample = _sample(info, episode, of)
        after, _ = of.described(sample)
        same = same_numbers(after, episode.next_state).all(axis=1)
        replayed += int(same.sum())
        if not same.all():
            apart = max(apart, float(np.nanmax(np.abs(after - episode.next_state))))
            first_apart = f"episode {episode.index}, step {np.flatnonzero(~same)[0]}"
        follows = same_numbers(episode.next_state[:-1], episode.state[1:]).all(axis=1)
        chained += int(follows.sum())
        chosen = np.arange(-episode.index * info.steps % stride, info.steps, stride)
        counts += _judged(of, episode, sample, chosen)
        shares.add(*(getattr(episode, key) for key in COUNTED))
    steps, links = info.episodes * info.steps, info.episodes * (info.steps - 1)
    names = ("elements compared", "wrong elements", "undecided by these widths", "samples")
    lines = [
        ("environment", info.environment),
        ("steps", steps),
        ("replayed bit for bit", replayed),
        ("largest replay difference", f"{apart:g}"),
        ("first step that is not repeated", first_apart),
        *zip(names, counts, strict=True),
        ("zeros", shares),
    ]
    compared, wrong = counts[:2]
    refusals = {
        f"{steps - replayed} of {steps} steps are not repeated bit for bit": replayed < steps,
        "steps do not begin where the last one ended": (
            info.behaviour != RECORDED and chained < links
        ),
        f"{wrong} of {compared} elements are wrong": wrong > 0,
        "no element could be compared": compared == 0,
    }
    refusal = "; ".join(text for text, holds in refusals.items() if holds)
    table = tabulate(lines, disable_numparse=True)
    return VerifiedFile(table, f"{path}: {refusal}" if refusal else None)


def _made_again(
    path: Path, info: DatasetInfo, environment: str | None, model: Path | None
) -> list[EngineDynamics]:
    """The dynamics of each episode, from what the file says that it was made of."""
    facts = _simulation(path, info)
    name = _trusted(path, facts["name"], environment, model)
    recorded = record(name, info.seed, 1 if facts["same_model"] else info.episodes, 1)
    recorded = recorded * info.episodes if facts["same_model"] else recorded
    models = [each.model for each in recorded]
    if models_digest(models) != facts["models_sha256"]:
        raise DynsparseError(f"{path}: {name} is another model now than when the file was made")
    dynamics = [EngineDynamics.of(name, each, facts["substeps"]) for each in models]
    if dynamics and dynamics[0].state_names != info.state_names:
        raise DynsparseError(f"{path}: its states are none of {name}")
    return dynamics


def _simulation(path: Path, info: DatasetInfo) -> Mapping[str, Any]:
    kinds = {"name": str, "substeps": int, "models_sha256": str, "same_model": bool}
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


def _sample(info: DatasetInfo, episode: Episode, dynamics: EngineDynamics) -> Sample:
    held = np.tile(default_held(dynamics), (info.steps, 1))
    known = {name: k for k, name in enumerate(dynamics.layout.held_names)}
    held[:, [known[name] for name in info.held_names]] = episode.held
    return Sample(episode.state, episode.memory, episode.action, held)


def _judged(
    dynamics: EngineDynamics, episode: Episode, sample: Sample, chosen: np.ndarray
) -> np.ndarray:
    """Elements compared, wrong and undecided, and samples."""
    if not chosen.size:
        return np.zeros(4, int)

    def program(*parts: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(differences(dynamics, Sample(*parts), OTHER_WIDTHS))

    picked = tuple(part[chosen] for part in sample)
    reference = Differences(*in_batches(program, picked, BATCH))
    both = (episode.state_jacobian, episode.action_jacobian)
    jacobian = np.concatenate([part[chosen] for part in both], axis=2)
    assert episode.jacobian_element_ok is not None
    known = episode.jacobian_element_ok[chosen]
    decided = known & known_elements(reference)
    # Across a jump a difference is of any size, by which nothing else may be measured.
    reference = reference._replace(jacobian=np.where(decided, reference.jacobian, 0.0))
    # Differences are held against differences, neither of which promises more than it can.
    judged = judge_elements(jacobian, reference, CERTAIN)
    numbers = (decided, decided & judged.wrong, known & ~decided)
    return np.array([*(int(each.sum()) for each in numbers), len(chosen)])
