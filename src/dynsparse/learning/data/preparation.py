"""The samples of an environment as a job needs them: split, normalised, and some to score."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dynsparse.dataset import open_dataset
from dynsparse.errors import DynsparseError
from dynsparse.learning.data.masks import Given, mask
from dynsparse.learning.data.normalisation import Scaler
from dynsparse.learning.data.samples import Origin, Pool, Samples, some_of, stretches
from dynsparse.learning.data.splits import SPLITS, Split, by_behaviour, most
from dynsparse.learning.models.base import MaskRecipe


class Division(NamedTuple):
    """A split of a kind, and its number. It is the same for all learners and their seeds."""

    kind: str
    number: int

    def __str__(self) -> str:
        """As it is called in files and messages."""
        return f"{self.kind}-{self.number}"


def divisions(paths: Sequence[Path | str], section: Mapping[str, Any]) -> list[Division]:
    """All splits of a study's files: as many of each kind as asked for, or as there are.

    Args:
        paths: as ``prepare``.
        section: as ``prepare``.

    Raises:
        DynsparseError: as ``prepare``, or there is no split.
    """
    with ExitStack() as stack:
        episodes = _pool(paths, section, stack).episodes()
    found = [
        Division(kind, number)
        for kind, asked in section["splits"].items()
        for number in range(_fewer(asked, most(kind, episodes, section["test_share"])))
    ]
    if not found:
        raise DynsparseError(
            "config: learning.splits: data of one policy have no split by policy; ask for episode"
        )
    return found


def environment_of(paths: Sequence[Path | str]) -> str:
    """The environment of a study's files.

    Raises:
        DynsparseError: the first of them cannot be read, or there is none.
    """
    for path in paths:
        with open_dataset(path) as file:
            return file.info.environment
    raise DynsparseError("no dataset to learn from: give at least one file")


def _fewer(asked: int, there_are: int | None) -> int:
    return asked if there_are is None else min(asked, there_are)


def _pool(
    paths: Sequence[Path | str],
    section: Mapping[str, Any],
    stack: ExitStack,
    tested: str | None = None,
) -> Pool:
    """The files of the behaviour that is learned, and of one that is tested on, if any."""
    elsewhere = {kind for kind in section["splits"] if kind not in SPLITS}
    return Pool(paths, stack, tested, elsewhere - {tested})


class Prepared(NamedTuple):
    """The samples of one environment, normalised by its training part, and how they are split.

    ``running`` are test samples in stretches of consecutive ones, where changes are scored.
    ``digest`` is that of all these arrays: truths, split and the samples that are scored.
    """

    origin: Origin
    division: Division
    scaler: Scaler
    samples: Samples
    split: Split
    validation: Samples
    test: Samples
    running: Samples
    digest: str

    def identity(self) -> dict[str, Any]:
        """What these samples are, so that an unfinished run is not continued on others."""
        return {
            "environment": self.origin.environment,
            "split": str(self.division),
            "sources": list(self.origin.sources),
            "data": self.digest,
        }


def prepare(
    paths: Sequence[Path | str],
    section: Mapping[str, Any],
    division: Division,
    recipe: MaskRecipe | None = None,
    most_samples: int | None = None,
) -> Prepared:
    """Read, split and normalise the samples of a study's files.

    Args:
        paths: the files of all seeds of one environment and behaviour, and of the behaviours that
            splits of the section test on.
        section: the configuration's ``learning``, with the ``zero_threshold`` of the data.
        division: how they are split.
        recipe: the mask that samples are given, if a learner is told one.
        most_samples: to train on. They are repeated to the length of the whole training part, so
            that an epoch has as many steps; None: all.

    Raises:
        DynsparseError: unreadable or unfitting files, or too few episodes or policies.
    """
    with ExitStack() as stack:
        whole = division.kind in SPLITS
        pool = _pool(paths, section, stack, None if whole else division.kind)
        episodes, validation_share = pool.episodes(), section["validation_share"]
        if whole:
            shares = validation_share, section["test_share"]
            parts = SPLITS[division.kind](episodes, *shares, division.number)
        else:
            parts = by_behaviour(episodes, pool.own, validation_share)
        scaler = pool.scaler(parts.train)
        samples = pool.samples(scaler, section["zero_threshold"])
    if most_samples is not None:
        few = some_of(parts.train, most_samples)
        parts = parts._replace(train=np.resize(few, len(parts.train)))
    if recipe is not None:
        known = samples.take(parts.train)
        given = Given(pool.origin.environment, known, samples, division.number)
        samples = samples._replace(mask=mask(recipe, given))
    count = section["evaluation"]["samples"]
    validation, test = some_of(parts.validation, count), some_of(parts.test, count)
    return Prepared(
        pool.origin,
        division,
        scaler,
        samples,
        parts,
        samples.take(validation),
        samples.take(test),
        samples.take(stretches(parts.test, count)),
        _digest([*scaler, *samples, *parts, validation, test]),
    )


def _digest(arrays: Iterable[np.ndarray | None]) -> str:
    digest = hashlib.sha256()
    for values in arrays:
        if values is None:
            continue
        digest.update(f"{values.shape} {values.dtype}".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
