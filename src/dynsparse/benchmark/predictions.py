"""Prediction files: what a model says of a task's samples (docs/benchmark.md)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from dynsparse.benchmark.task import Task
from dynsparse.errors import DynsparseError, did_you_mean, printable
from dynsparse.storage.files import sha256, whole_file
from dynsparse.strangers import Header, Source, checked, opened

FORMAT = "dynsparse prediction 1"
TEXTS = ("format", "task", "dataset", "method", "privileged")
KEYS = ("seed", "episode", "step")
STARTS = tuple(f"rollout_{key}" for key in KEYS)
REAL, WHOLE, TRUTH = "fiub", "iu", "iub"
# Larger numbers mean nothing, and their squares might not be finite.
LARGEST = np.float64(1e100)
# Arrays with a value for every sample: how many axes follow (of a state, or of a graph), and kind.
BY_SAMPLE = {
    "influence": ("graph", REAL),
    "edge": ("graph", TRUTH),
    "probability": ("graph", "f"),
    "regime": ("", WHOLE),
    "next_state": ("state", "f"),
    "jacobian": ("graph", "f"),
}
# What a method may have been told beyond states, actions and next states of the training samples.
PRIVILEGES = (
    *("zeros-train", "jacobian-train", "contacts-train"),
    *("model-xml", "zeros-test", "contacts-test"),
)
MOST_CHARACTERS = 200


class Predictions(NamedTuple):
    """What a model says of the samples that a task asks for, in their order.

    Attributes:
        method: its name.
        privileged: names of ``PRIVILEGES``.
        arrays: ``influence``, and what else there is of ``BY_SAMPLE``, and ``rollout``.
        digest: SHA-256 of the file; None: it was none.
    """

    method: str
    privileged: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    digest: str | None


class Given:
    """Arrays in memory, in the place of a file."""

    def __init__(self, texts: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> None:
        """Take texts and arrays."""
        self._texts = dict(texts)
        self._arrays = dict(arrays)

    def names(self) -> list[str]:
        """Of all arrays."""
        return list(self._arrays)

    def has(self, name: str) -> bool:
        """Whether there is such an array."""
        return name in self._arrays

    def text(self, name: str) -> str | None:
        """A text; None if there is none."""
        return self._texts.get(name)

    def header(self, name: str) -> Header:
        """Shape and type."""
        return self._arrays[name].shape, self._arrays[name].dtype

    def array(self, name: str) -> np.ndarray:
        """An array."""
        return self._arrays[name]


def task_name(path: Path) -> str:
    """The task that a prediction file says it is of.

    Raises:
        DynsparseError: it is no prediction file.
    """
    with opened(path) as source:
        _check_format(source)
        return source.text("task") or ""


def read_predictions(path: Path, task: Task) -> Predictions:
    """A prediction file, its rows in the order of the task's, whatever their order in the file.

    Raises:
        DynsparseError: one line says what is wrong with it.
    """
    with opened(path) as source:
        found = taken(source, task)
    return found._replace(digest=sha256(path))


def given_predictions(
    task: Task, arrays: Mapping[str, Any], method: str, privileged: Sequence[str] = ()
) -> Predictions:
    """Arrays in memory, checked as those of a file; without keys, in the order of ``task.asked``.

    Raises:
        DynsparseError: as ``read_predictions``.
    """
    return taken(Given(_texts(task, method, privileged), _with_keys(task, arrays)), task)


def write_predictions(
    path: Path,
    task: Task,
    arrays: Mapping[str, Any],
    method: str,
    privileged: Sequence[str] = (),
) -> None:
    """Write a prediction file; HDF5, or npz if its name says so.

    Raises:
        DynsparseError: as ``read_predictions``, or it cannot be written.
    """
    given_predictions(task, arrays, method, privileged)
    texts, every = _texts(task, method, privileged), _with_keys(task, arrays)
    with whole_file(path) as temporary:
        if path.suffix == ".npz":
            np.savez_compressed(temporary, allow_pickle=False, **texts, **every)
            return
        with h5py.File(temporary, "w") as file:
            file.attrs.update(texts)
            for name, values in every.items():
                file.create_dataset(name, data=values)


def _texts(task: Task, method: str, privileged: Sequence[str]) -> dict[str, str]:
    # A text alone is a sequence too, of letters.
    alone = isinstance(privileged, (str, bytes)) or not isinstance(privileged, Iterable)
    words: list[Any] = [None] if alone else list(privileged)
    if not all(isinstance(word, str) for word in words):
        raise DynsparseError(
            f"privileged: {privileged!r:.100} should be a list of names, such as ['zeros-train']"
        )
    values = (FORMAT, task.name, task.about.dataset, _name(method), ", ".join(words))
    return dict(zip(TEXTS, values, strict=True))


def _name(method: Any) -> str:
    """A method's name, if every format can hold it: NUL ends a text in HDF5."""
    text = method if isinstance(method, str) else ""
    whole = "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
    if not whole or not 0 < len(text) <= MOST_CHARACTERS:
        raise DynsparseError(f"method: a name of 1 to {MOST_CHARACTERS} characters is needed")
    return text


def _with_keys(task: Task, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    keys = dict(zip(KEYS, task.asked.keys.T, strict=True))
    if "rollout" in arrays:
        keys |= zip(STARTS, task.rollouts.keys.T, strict=True)
    return {**keys, **{name: _array(name, values) for name, values in arrays.items()}}


def _array(name: str, values: Any) -> np.ndarray:
    """What somebody handed over, as an array.

    Raises:
        DynsparseError: lists of different lengths, a tensor with a gradient, and the like.
    """
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = printable(" ".join(str(error).split())[:200])
        raise DynsparseError(f"{name}: cannot be made an array: {reason}") from None


def taken(source: Source, task: Task) -> Predictions:
    """What a file holds, checked and in the task's order.

    Raises:
        DynsparseError: as ``read_predictions``, without the file's name.
    """
    _check_format(source)
    for what, wanted in (("task", task.name), ("dataset", task.about.dataset)):
        found = source.text(what)
        if found != wanted:
            raise DynsparseError(f"{what} {found!r} should be {wanted!r}")
    method = _name(source.text("method"))
    privileged = _privileged(source.text("privileged") or "")
    _check_names(source)
    order = _order(source, KEYS, task.asked.keys, task.name)
    shape = task.about.shape
    tails: dict[str, tuple[int, ...]] = {"graph": shape, "state": shape[:1], "": ()}
    arrays = {}
    for name in (name for name in BY_SAMPLE if name in source.names() or name == "influence"):
        tail, kinds = BY_SAMPLE[name]
        values = checked(source, name, (len(order), *tails[tail]), kinds)[order]
        _check_values(name, values, task.asked.keys)
        arrays[name] = values
    return Predictions(method, privileged, {**arrays, **_rollout(source, task)}, None)


def _check_format(source: Source) -> None:
    if source.text("format") != FORMAT:
        raise DynsparseError(f"no prediction file: its format is not {FORMAT!r}")


def _privileged(text: str) -> tuple[str, ...]:
    words = (word.strip() for word in text.split(","))
    found = tuple(dict.fromkeys(word for word in words if word not in {"", "none"}))
    problem = privileges_problem(found)
    if problem:
        raise DynsparseError(problem)
    return found


def privileges_problem(words: Sequence[str]) -> str | None:
    """What is wrong with what somebody says to have been told; None: nothing."""
    for number, word in enumerate(words):
        if word not in PRIVILEGES:
            return f"privileged: {word!r} does not exist; {did_you_mean(word, PRIVILEGES)}"
        if word in words[:number]:
            return f"privileged: {word!r} is there twice"
    return None


def _check_names(source: Source) -> None:
    """A misspelt array would be left out without a word."""
    known = [*TEXTS, *KEYS, *BY_SAMPLE, "rollout", *STARTS]
    for name in source.names():
        if name not in known:
            near = did_you_mean(str(name), known)
            raise DynsparseError(f"array {name!r} does not exist; {near}")


def _order(source: Source, names: Sequence[str], asked: np.ndarray, task: str) -> np.ndarray:
    """Where the file has each row that is asked for, by three keys.

    Raises:
        DynsparseError: it has another number of rows, a row twice, or one that is not asked for.
    """
    for name in (name for name in names if name in source.names()):
        claimed = source.header(name)[0]
        if claimed != asked.shape[:1]:
            raise DynsparseError(
                f"{name} has rows {claimed}, and task {task} asks for {len(asked)}"
            )
    columns = [checked(source, name, asked.shape[:1], WHOLE) for name in names]
    found = np.stack(columns, axis=1).astype(np.int64)
    rows, counts = np.unique(found, axis=0, return_counts=True)
    if (counts > 1).any():
        twice = _named(rows[np.argmax(counts > 1)])
        raise DynsparseError(f"{names[0]}: {twice} comes more than once")
    order, wanted = np.lexsort(found.T), np.lexsort(asked.T)
    different = (found[order] != asked[wanted]).any(axis=1)
    if different.any():
        missing = set(map(tuple, asked.tolist())) - set(map(tuple, found.tolist()))
        first = _named(min(missing))
        raise DynsparseError(f"{names[0]}: {first} is asked for, and is not there")
    result = np.empty(len(asked), np.int64)
    result[wanted] = order
    return result


def _named(key: Any) -> str:
    return ", ".join(f"{name} {int(value)}" for name, value in zip(KEYS, key, strict=True))


def _check_values(name: str, values: np.ndarray, keys: np.ndarray) -> None:
    """Numbers are finite and of some sense, truth values are 0 or 1, probabilities between them."""
    good, what = np.isfinite(values), "not finite"
    if good.all() and name != "regime":
        good, what = np.abs(values) <= LARGEST, f"larger than {LARGEST}"
    if name == "edge":
        good, what = (values == 0) | (values == 1), "neither 0 nor 1"
    if name == "probability":
        good, what = (values >= 0) & (values <= 1), "not between 0 and 1"
    bad = ~good.reshape(len(values), -1).all(axis=1)
    if bad.any():
        first = _named(keys[np.argmax(bad)])
        raise DynsparseError(f"{name}: {int(bad.sum())} rows are {what}, the first is {first}")


def _rollout(source: Source, task: Task) -> dict[str, np.ndarray]:
    """Predictions in open loop, in the order of the task's; nothing if there are none.

    Raises:
        DynsparseError: they are of another shape, or begin elsewhere than the task says.
    """
    if "rollout" not in source.names():
        return {}
    keys, wanted = task.rollouts.keys, task.rollouts.truth.shape
    if not len(keys):
        raise DynsparseError(f"rollout: task {task.name} asks for none")
    order = _order(source, STARTS, keys, task.name)
    return {"rollout": checked(source, "rollout", wanted, "f")[order]}
