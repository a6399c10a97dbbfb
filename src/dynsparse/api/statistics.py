"""Where and when the Jacobians of a dataset are zero, by the statistics of the studies."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import pyarrow as pa

from dynsparse.api.dataset import Dataset
from dynsparse.api.episode import Part
from dynsparse.api.given import positive
from dynsparse.errors import DynsparseError
from dynsparse.sparsity.durations import measure_durations
from dynsparse.sparsity.elements import ElementCounter
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.patterns import PackedEpisode, PatternInfo
from dynsparse.sparsity.scan import pack_episode
from dynsparse.sparsity.steps import measure_steps


class Zeros(NamedTuple):
    """Statistics as Arrow tables; ``.to_pandas()`` of each gives a data frame.

    Attributes:
        elements: how often each element is zero, at every threshold.
        steps: how many elements are zero at every step.
        durations: how long elements stay zero or nonzero.
    """

    elements: pa.Table
    steps: pa.Table
    durations: pa.Table


@dataclass(frozen=True)
class _Patterns:
    """Packed patterns in memory; one bit for each element and step."""

    info: PatternInfo
    packed: Sequence[PackedEpisode]

    def episodes(self) -> Iterator[PackedEpisode]:
        yield from self.packed


def zeros(data: Dataset, threshold: float | Sequence[float] = 1e-12) -> Zeros:
    """Count zeros in a dataset, ``|x| < threshold``; samples without a derivative are left out.

    Args:
        data: what ``load`` or ``Dataset.from_arrays`` gave; of one behaviour.
        threshold: one, or several, of which the first decides on steps and durations.

    Raises:
        DynsparseError: a threshold is no positive number, files do not belong together, or a
            derivative that is said to be there is not finite.
    """
    one = isinstance(threshold, str) or not isinstance(threshold, Iterable)
    given: list[Any] = [threshold] if one else list(cast("Iterable[Any]", threshold))
    thresholds = [positive(each, "threshold") for each in given]
    if not thresholds:
        raise DynsparseError("threshold: there is none; one should be positive")
    found = [_of_part(data, part, thresholds) for part in data.parts]
    return Zeros(*(merge_seeds(tables) for tables in zip(*found, strict=True)))


def _of_part(data: Dataset, part: Part, thresholds: Sequence[float]) -> Zeros:
    counter = ElementCounter(part.info, thresholds, thresholds[0])
    packed = []
    for episode in (episode for episode in data.episodes if episode.part is part):
        episode.check_derivatives()
        packed.append(pack_episode(episode, counter))
    patterns = _Patterns(PatternInfo.of(part.info, thresholds[0]), packed)
    return Zeros(counter.elements(), measure_steps(patterns), measure_durations(patterns))
