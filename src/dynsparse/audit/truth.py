"""True: do the data obey the simulator? The tables' part is in ``dynsparse.audit.tables``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dynsparse.audit.findings import Check, Failure
from dynsparse.audit.manifest import Manifest
from dynsparse.audit.referee import Transitions, Verdict, judge
from dynsparse.audit.simulated import judge_simulated
from dynsparse.dataset import Dataset, DatasetInfo, open_dataset
from dynsparse.errors import DynsparseError
from dynsparse.running.console import progress
from dynsparse.suite import begins_again, dataset_name


class Judged(NamedTuple):
    """A dataset, the samples drawn from it, and what the referees say of them."""

    info: DatasetInfo
    position: np.ndarray
    broken: list[int]
    verdict: Verdict


def data_truth(folder: Path, manifest: Manifest, transitions: int, seed: int) -> list[Check]:
    """A seeded sample of transitions, replayed and differentiated by other means.

    Args:
        folder: of the study.
        manifest: of the study.
        transitions: how many to draw from each file; one file is drawn per environment and
            behaviour.
        seed: of the sample.
    """
    rng = np.random.default_rng(seed)
    judged: dict[str, Judged] = {}
    unreadable: list[Failure] = []
    files = _one_per_case(manifest, rng)
    with progress(len(files), "transitions against the C engine", "file") as bar:
        for path in files:
            try:
                judged[path] = _judged(folder / path, manifest.config, transitions, rng)
            except DynsparseError as error:
                unreadable.append(Failure(path, str(error)))
            bar.update()
    return [
        _trajectories(judged, unreadable),
        _transitions(judged),
        _jacobians(judged),
    ]


def _one_per_case(manifest: Manifest, rng: np.random.Generator) -> list[str]:
    """One data file of each environment and behaviour."""
    cases: dict[str, list[str]] = {}
    for path in sorted(manifest.datasets):
        cases.setdefault(path.rpartition("/")[0], []).append(path)
    return [paths[rng.integers(len(paths))] for paths in cases.values()]


def _judged(
    path: Path, config: Mapping[str, Any], transitions: int, rng: np.random.Generator
) -> Judged:
    with open_dataset(path) as dataset:
        info = dataset.info
        size = info.episodes * info.steps
        position = np.sort(rng.choice(size, min(transitions, size), replace=False))
        if info.by_element:
            names = {dataset_name(name): name for name in config["environments"]}
            verdict = judge_simulated(path, dataset, names[info.environment], position)
            broken = [each.index for each in dataset.episodes() if len(each.broken_steps())]
            return Judged(info, position, broken, verdict)
        samples, ok, broken = _read(dataset, position)
    samples, position = Transitions(*(values[ok] for values in samples)), position[ok]
    if not position.size:
        raise DynsparseError("none of the samples drawn has a finite Jacobian: nothing to judge")
    simulator = config["simulator"]
    verdict = judge(info.environment, **simulator, method=info.method, samples=samples)
    return Judged(info, position, broken, verdict)


def _read(dataset: Dataset, position: np.ndarray) -> tuple[Transitions, np.ndarray, list[int]]:
    """Samples at ``position``, which of them have a Jacobian, and episodes that do not chain."""
    steps, parts, oks, broken = dataset.info.steps, [], [], []
    for episode in dataset.episodes():
        local = position[position // steps == episode.index] % steps
        jacobian = np.concatenate([episode.state_jacobian, episode.action_jacobian], axis=2)
        arrays = (episode.state, episode.action, episode.memory, episode.next_state, jacobian)
        parts.append([values[local].astype(float) for values in arrays])
        oks.append(episode.jacobian_ok[local])
        if len(episode.broken_steps(begins_again(dataset.info.environment))):
            broken.append(episode.index)
    samples = Transitions(*map(np.concatenate, zip(*parts, strict=True)))
    return samples, np.concatenate(oks), broken


def _trajectories(judged: Mapping[str, Judged], unreadable: list[Failure]) -> Check:
    failures = [
        Failure(path, f"in episodes {each.broken} a step does not start where the last one ended")
        for path, each in judged.items()
        if each.broken
    ]
    count = len(judged) + len(unreadable)
    return Check(
        "true", "Each step starts where the last ended (files)", count, (*unreadable, *failures)
    )


def _transitions(judged: Mapping[str, Judged]) -> Check:
    failures, remarks, count = [], [], 0
    for path, each in judged.items():
        verdict = each.verdict
        count += len(each.position)
        # Where the step jumps, MJX itself does not step to the same state twice.
        wrong = np.flatnonzero(~verdict.same & verdict.smooth)
        unsteady = int((~verdict.same & ~verdict.smooth).sum())
        remarks.append(
            f"{path}: {int(verdict.by_engine.sum())} of {len(each.position)} by the C engine, "
            f"the others by MJX; {unsteady} not reproducible, at kinks or jumps"
        )
        if wrong.size:
            place = _place(each, int(wrong[0]))
            failures.append(Failure(path, f"{wrong.size} transitions are not made again: {place}"))
    return Check("true", "Transitions replayed", count, tuple(failures), tuple(remarks))


def _jacobians(judged: Mapping[str, Judged]) -> Check:
    failures, remarks, count = [], [], 0
    for path, each in judged.items():
        verdict = each.verdict
        usable = verdict.same & verdict.smooth & verdict.decided
        count += int(usable.sum())
        if not usable.any():
            failures.append(Failure(path, f"no Jacobian could be compared, {_why(verdict)}"))
        # What is beyond its bound is wrong, however many other elements are undecided.
        wrong = np.flatnonzero(verdict.same & verdict.smooth & ~(verdict.excess <= 1))
        largest = verdict.error[usable].max(initial=0.0)
        remarks.append(
            f"{path}: {int(usable.sum())} of {len(usable)} compared ({_why(verdict)}), "
            f"largest error {largest:.1e}"
        )
        if wrong.size:
            first = int(wrong[verdict.excess[wrong].argmax()])
            element = _element(each.info, int(verdict.worst[first]))
            where = f"by {verdict.error[first]:.1e} at {_place(each, first)}"
            message = f"{wrong.size} Jacobians are wrong; {element} {where}"
            failures.append(Failure(path, message))
    name = "Jacobians against finite differences"
    return Check("true", name, count, tuple(failures), tuple(remarks))


def _why(verdict: Verdict) -> str:
    counts = {
        "not made again": ~verdict.same,
        "at kinks or jumps": verdict.same & ~verdict.smooth,
        "undecided": verdict.same & verdict.smooth & ~verdict.decided,
    }
    return ", ".join(f"{int(chosen.sum())} {name}" for name, chosen in counts.items())


def _place(each: Judged, sample: int) -> str:
    episode, step = divmod(int(each.position[sample]), each.info.steps)
    return f"episode {episode}, step {step}"


def _element(info: DatasetInfo, index: int) -> str:
    inputs = (*info.state_names, *info.action_names)
    row, column = divmod(index, len(inputs))
    return f"d {info.state_names[row]} / d {inputs[column]}"
