"""The one pass over a dataset: counts at every threshold, and packed zero patterns."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dynsparse.sparsity.elements import ElementCounter
from dynsparse.sparsity.patterns import (
    PackedEpisode,
    PatternInfo,
    open_patterns,
    pack,
    writing_patterns,
)
from dynsparse.sparsity.source import JACOBIANS, Episode, Source, jacobian_of, known_elements
from dynsparse.sparsity.steps import measure_steps


class Counts(NamedTuple):
    """What is counted beside the patterns that are written."""

    elements: pa.Table
    sparsities: pa.Table
    steps: pa.Table


def scan(
    dataset: Source, thresholds: Sequence[float], threshold: float, patterns: Path | str
) -> Counts:
    """Count zeros, write the packed patterns of a dataset, and measure its steps from these.

    Args:
        dataset: read once, one episode in memory at a time.
        thresholds: zeros are counted at each; zero means ``|x| < threshold``.
        threshold: the study's own, by which the patterns are told; counted too.
        patterns: the file to write.

    Raises:
        DynsparseError: the file cannot be written.
    """
    counter = ElementCounter(dataset.info, thresholds, threshold)
    with writing_patterns(patterns, PatternInfo.of(dataset.info, threshold)) as writer:
        for episode in dataset.episodes():
            writer.add(pack_episode(episode, counter))
    with open_patterns(patterns) as packed:
        return Counts(counter.elements(), counter.sparsities(), measure_steps(packed))


def pack_episode(episode: Episode, counter: ElementCounter) -> PackedEpisode:
    """Count one episode, and keep one bit of each of its elements."""
    values = {jacobian: jacobian_of(episode, jacobian) for jacobian in JACOBIANS}
    known = {jacobian: known_elements(episode, jacobian) for jacobian in JACOBIANS}
    zero = counter.add(values, episode.jacobian_ok, known)
    return PackedEpisode(
        index=episode.index,
        reward=np.asarray(episode.reward, dtype=np.float64),
        jacobian_ok=episode.jacobian_ok,
        begins=episode.begins,
        state_pattern=pack(zero["state"]),
        action_pattern=pack(zero["action"]),
        contact=pack(episode.contact),
        constraint_active=pack(episode.constraint_active),
    )
