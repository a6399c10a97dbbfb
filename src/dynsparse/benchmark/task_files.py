"""Tasks made from datasets, and as files."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Float

from dynsparse.api.study import Study
from dynsparse.benchmark.task import NONE, TEST, TRAIN, VALIDATION, About, Definition, Split, Task
from dynsparse.benchmark.task import Episodes as Kept
from dynsparse.dataset import Dataset, Episode, open_dataset
from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.learning.data.splits import SPLITS, Episodes
from dynsparse.project import project_folder
from dynsparse.storage.files import whole_file
from dynsparse.strangers import Source, checked, opened, strict_json

FORMAT = "dynsparse task 1"
# More than any task of a study has: 200 episodes of 1,000 steps of five seeds.
MOST_STEPS = 2**20
MOST_DIMENSIONS = 2**10


def folder() -> Path:
    """Where shipped tasks are."""
    return project_folder() / "resources/tasks"


def shipped() -> dict[str, Path]:
    """The files of the tasks whose truth is here, by name."""
    return {path.stem: path for path in folder().glob("*.npz")}


def definitions() -> dict[str, Definition]:
    """All tasks that are defined, by name."""
    found = yaml.safe_load((folder() / "tasks.yaml").read_text(encoding="utf-8"))
    return {name: Definition.of(name, settings) for name, settings in found.items()}


def paths_of(name: str, data: Sequence[Path]) -> tuple[Definition, list[Path]]:
    """A definition by its name, and its dataset files: as given, or in the folder of a study.

    Raises:
        DynsparseError: there is no such task, or the study has no such data.
    """
    every = definitions()
    if name not in every:
        raise DynsparseError(f"task {name!r} is not defined; {did_you_mean(name, every)}")
    definition = every[name]
    if len(data) != 1 or not data[0].is_dir():
        return definition, list(data)
    return definition, paths_in(data[0], definition)


def paths_in(results: Path, definition: Definition) -> list[Path]:
    """The dataset files of a definition in the folder of a study.

    Raises:
        DynsparseError: the study has no such data.
    """
    parts = Study.open(results)[definition.environment, definition.behaviour].parts
    return [Path(p.origin) for p in parts if p.info.seed in definition.seeds]


def make_task(definition: Definition, paths: Sequence[Path | str]) -> Task:
    """The task of a definition, from dataset files: one for each of its seeds.

    Raises:
        DynsparseError: as ``unsplit``, or there are too few episodes to split.
    """
    task = unsplit(definition, paths)
    return replace(task, episodes=_split(definition.split, task.episodes))


def unsplit(definition: Definition, paths: Sequence[Path | str]) -> Task:
    """The same with every sample in the training part.

    Raises:
        DynsparseError: unreadable or damaged files, others than those the definition is of, or
            episodes that do not go on from one step to the next.
    """
    with ExitStack() as stack:
        return _task(definition, _files(definition, paths, stack))


def jacobians(task: Task, paths: Sequence[Path | str]) -> Float[np.ndarray, "test outputs inputs"]:
    """The true Jacobians of a task's test samples, from the files that it was made from.

    Raises:
        DynsparseError: as ``unsplit``, or they are others.
    """
    keys = task.test.keys.tolist()
    tested, found = {(seed, episode) for seed, episode, _ in keys}, {}
    with ExitStack() as stack:
        files = _files(task.about.definition, paths, stack)
        digest = _digest(files)
        if digest != task.about.dataset:
            raise DynsparseError(
                f"task {task.name} was made from data {task.about.dataset[:12]}, and these are"
                f" {digest[:12]}"
            )
        for seed, episode in ((file.info.seed, e) for file in files for e in file.episodes()):
            if (seed, episode.index) in tested:
                found[seed, episode.index] = _jacobian(episode)
    return np.stack([found[seed, episode][step] for seed, episode, step in keys])


def _files(definition: Definition, paths: Sequence[Path | str], stack: ExitStack) -> list[Dataset]:
    """The files of a definition, by seed."""
    files = [stack.enter_context(open_dataset(path)) for path in paths]
    files.sort(key=lambda file: file.info.seed)
    seeds = tuple(file.info.seed for file in files)
    if seeds != tuple(sorted(definition.seeds)):
        raise DynsparseError(
            f"{definition.name}: files of seeds {definition.seeds} are needed, not of {seeds}"
        )
    for file in files:
        _check_fits(definition, file)
    return files


def _digest(files: Sequence[Dataset]) -> str:
    """That of all files; what is read of them is held against the episodes' own."""
    return hashlib.sha256(b"".join(file.digests().tobytes() for file in files)).hexdigest()


def _jacobian(episode: Episode) -> Float[np.ndarray, "steps outputs inputs"]:
    return np.concatenate([episode.state_jacobian, episode.action_jacobian], axis=2)


def _check_fits(definition: Definition, file: Dataset) -> None:
    info = file.info
    config = json.loads(info.provenance).get("config")
    solver = config.get("solver") if isinstance(config, dict) else None
    for what, wanted, found in (
        ("environment", definition.environment, info.environment),
        ("behaviour", definition.behaviour, info.behaviour),
        ("solver", definition.solver, solver),
        ("dtype", "float64", info.dtype),
    ):
        if wanted != found:
            raise DynsparseError(
                f"{definition.name}: {what} {wanted} is needed, and the file of seed {info.seed}"
                f" has {found}"
            )


def _task(definition: Definition, files: Sequence[Dataset]) -> Task:
    infos = [file.info for file in files]
    shared = {(i.state_names, i.action_names, i.contact_names, i.steps) for i in infos}
    if len(shared) > 1:
        raise DynsparseError(f"{definition.name}: files have other dimensions or episode lengths")
    info = infos[0]
    names = info.state_names, info.action_names, info.contact_names, info.constraint_names
    about = About(definition, _digest(files), *names, info.control_dt_s, info.steps)
    kept = [
        _episode(file.info.seed, episode, definition.threshold)
        for file in files
        for episode in file.episodes()
    ]
    columns = (np.stack(column) for column in zip(*kept, strict=True))
    return Task(about, Kept(*columns))


def _episode(seed: int, episode: Episode, threshold: float) -> Kept:
    if len(episode.broken_steps()):
        raise DynsparseError(
            f"seed {seed}, episode {episode.index}: a state is not the one after the step before"
        )
    zero = (np.abs(_jacobian(episode)) < threshold).reshape(len(episode.action), -1)
    active = np.concatenate([episode.contact, episode.constraint_active], axis=1)
    return Kept(
        np.asarray(seed, np.int32),
        np.asarray(episode.index, np.int32),
        np.concatenate([episode.state, episode.next_state[-1:]]),
        episode.action,
        np.where(episode.jacobian_ok, TRAIN, NONE).astype(np.uint8),
        np.packbits(zero, axis=1),
        np.packbits(active, axis=1),
    )


def _split(split: Split, kept: Kept) -> Kept:
    """The same with the part of every usable sample, as a study splits them."""
    number, step = np.nonzero(kept.part != NONE)
    policy = np.unique(kept.seed, return_inverse=True)[1].ravel()
    episodes = Episodes(number.astype(np.int32), policy[number].astype(np.int32))
    shares = split.validation_share, split.test_share
    found = SPLITS[split.kind](episodes, *shares, split.number)
    part = kept.part.copy()
    for value, rows in ((VALIDATION, found.validation), (TEST, found.test)):
        part[number[rows], step[rows]] = value
    return kept._replace(part=part)


def write_task(task: Task, path: Path | str) -> None:
    """Write a task as npz, without pickle.

    Raises:
        DynsparseError: the file cannot be written.
    """
    about = task.about._asdict()
    definition = task.about.definition._asdict()
    about["definition"] = {**definition, "split": task.about.definition.split._asdict()}
    texts = {"format": np.array(FORMAT), "about": np.array(json.dumps(about))}
    with whole_file(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **texts, **task.episodes._asdict())


def read_task(task: str | Path) -> Task:
    """A task by its name, or from a file.

    Raises:
        DynsparseError: there is no such task, its truth is not shipped, or it cannot be read.
    """
    here = shipped()
    path = here.get(str(task), Path(task))
    if not path.is_file():
        near = did_you_mean(str(task), here) if here else "none is shipped"
        raise DynsparseError(f"task {str(task)!r} is neither shipped nor a file; {near}")
    with opened(path) as source:
        return _read(source)


def _read(source: Source) -> Task:
    if source.text("format") != FORMAT:
        raise DynsparseError(f"no task: its format is not {FORMAT!r}")
    about = _about(strict_json(source.text("about") or ""))
    (count,) = source.header("part")[0][:1]
    rows, columns = about.shape
    conditions = len(about.contact_names) + len(about.constraint_names)
    if count * about.steps > MOST_STEPS or max(columns, conditions) > MOST_DIMENSIONS:
        raise DynsparseError("it claims more samples or dimensions than any task has")
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        "seed": ((count,), "iu"),
        "episode": ((count,), "iu"),
        "state": ((count, about.steps + 1, rows), "f"),
        "action": ((count, about.steps, columns - rows), "f"),
        "part": ((count, about.steps), "u"),
        "zero": ((count, about.steps, -(-rows * columns // 8)), "u"),
        "active": ((count, about.steps, -(-conditions // 8)), "u"),
    }
    arrays = {name: checked(source, name, *wanted) for name, wanted in shapes.items()}
    task = Task(about, Kept(**arrays))
    if not len(task.train.seed) or not len(task.validation.seed) or not len(task.test.seed):
        raise DynsparseError("a part of it has no samples")
    return task


def _about(found: Any) -> About:
    try:
        given = found["definition"]
        definition = Definition.of(given["name"], {k: v for k, v in given.items() if k != "name"})
        names = {key: tuple(map(str, value)) for key, value in found.items() if "_names" in key}
        about = About(**{**found, **names, "definition": definition})
        return about._replace(steps=int(about.steps), dataset=str(about.dataset))
    except (TypeError, KeyError, AttributeError) as error:
        raise DynsparseError(f"what it says about itself is no task's: {error}") from None
