"""The samples of an environment as a job needs them: split, normalised, and some to score."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dynsparse.learning.normalisation import Scaler
from dynsparse.learning.samples import Origin, Pool, Samples, some_of
from dynsparse.learning.splits import SPLITS, Split

# Which episodes test does not depend on the model's seed: losses and seeds are compared on the
# same samples.
SPLIT_SEED = 0


class Prepared(NamedTuple):
    """The samples of one environment, normalised by its training part, and how they are split.

    ``digest`` is that of all these arrays: truths, split and the samples that are scored.
    """

    origin: Origin
    scaler: Scaler
    samples: Samples
    split: Split
    validation: Samples
    test: Samples
    digest: str

    def identity(self) -> dict[str, Any]:
        """What these samples are, so that an unfinished run is not continued on others."""
        return {"sources": list(self.origin.sources), "data": self.digest}


def prepare(paths: Sequence[Path | str], section: Mapping[str, Any], split: str) -> Prepared:
    """Read, split and normalise the samples of a study's files.

    Args:
        paths: the files of all seeds of one environment and behaviour.
        section: the configuration's ``learning``, with the ``zero_threshold`` of the data.
        split: a name of ``SPLITS``.

    Raises:
        DynsparseError: unreadable or unfitting files, or too few episodes.
    """
    with ExitStack() as stack:
        pool = Pool(paths, stack)
        index = pool.index()
        shares = section["validation_share"], section["test_share"]
        parts = SPLITS[split](index.episode, *shares, SPLIT_SEED)
        scaler = pool.scaler(parts.train)
        samples = pool.samples(scaler, section["zero_threshold"])
    most = section["evaluation"]["samples"]
    validation, test = some_of(parts.validation, most), some_of(parts.test, most)
    return Prepared(
        index.origin,
        scaler,
        samples,
        parts,
        samples.take(validation),
        samples.take(test),
        _digest([*scaler, *samples, *parts, validation, test]),
    )


def _digest(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for values in arrays:
        digest.update(f"{values.shape} {values.dtype}".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
