"""The samples in which an element that is nearly always zero is not (paper, section 5.1)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from dynsparse.sparsity.patterns import PackedEpisode, PatternInfo, PatternSource, unpack
from dynsparse.sparsity.source import JACOBIANS, Jacobian, elements_of, identity_columns
from dynsparse.storage.tables import with_metadata

# Nonzero samples kept per element and seed, the earliest ones; their number is counted elsewhere.
KEPT = 5

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("jacobian", pa.string()),
        ("row", pa.int32()),
        ("column", pa.int32()),
        ("row_name", pa.string()),
        ("column_name", pa.string()),
        ("sample", pa.int64()),
        ("episode", pa.int32()),
        ("step", pa.int32()),
        ("touching", pa.string()),
        ("active", pa.string()),
    ]
)


def find_exceptions(patterns: PatternSource) -> pa.Table:
    """The first samples of a dataset in which each element is nonzero, and what touched in them.

    Args:
        patterns: read once, one episode in memory at a time.

    Returns:
        ``SCHEMA``: at most ``KEPT`` rows per element; an element without a row is always zero.
        ``sample`` numbers the samples whose Jacobian is finite, from zero.
    """
    info = patterns.info
    sizes = {jacobian: info.elements(jacobian) for jacobian in JACOBIANS}
    kept = {jacobian: np.zeros(size, dtype=np.int64) for jacobian, size in sizes.items()}
    rows: list[dict[str, Any]] = []
    samples = 0
    for episode in patterns.episodes():
        for jacobian in JACOBIANS:
            zero = unpack(episode.pattern(jacobian), sizes[jacobian])
            nonzero = ~zero & episode.jacobian_ok[:, None]
            element, step = _earliest(nonzero, KEPT - kept[jacobian])
            kept[jacobian] += np.bincount(element, minlength=sizes[jacobian])
            rows += _described(info, episode, jacobian, element, step, samples)
        samples += int(episode.jacobian_ok.sum())
    columns = pa.Table.from_pylist(rows, schema=pa.schema(list(SCHEMA)[3:]))
    table = pa.table(
        {**identity_columns(info, len(rows)), **dict(zip(SCHEMA.names[3:], columns, strict=True))},
        schema=SCHEMA,
    )
    return with_metadata(table, "exceptions", **info.facts(), steps=samples)


def _earliest(
    nonzero: Bool[np.ndarray, "T elements"], wanted: Int[np.ndarray, " elements"]
) -> tuple[Int[np.ndarray, " found"], Int[np.ndarray, " found"]]:
    """Element and step of the first ``wanted`` nonzero samples of each element."""
    open_elements = np.flatnonzero((wanted > 0) & nonzero.any(axis=0))
    element, step = np.nonzero(nonzero[:, open_elements].T)
    element = open_elements[element]
    rank = np.arange(len(element)) - np.searchsorted(element, element)
    early = rank < wanted[element]
    return element[early], step[early]


def _described(
    info: PatternInfo,
    episode: PackedEpisode,
    jacobian: Jacobian,
    element: Int[np.ndarray, " found"],
    step: Int[np.ndarray, " found"],
    samples: int,
) -> list[dict[str, Any]]:
    names = elements_of(info, jacobian)
    touching = unpack(episode.contact[step], len(info.contact_names))
    active = unpack(episode.constraint_active[step], len(info.constraint_names))
    before = samples + np.cumsum(episode.jacobian_ok) - 1
    return [
        {
            "jacobian": jacobian,
            "row": names.row[e],
            "column": names.column[e],
            "row_name": names.row_name[e],
            "column_name": names.column_name[e],
            "sample": before[t],
            "episode": episode.index,
            "step": t,
            "touching": _listed(info.contact_names, touching[number]),
            "active": _listed(info.constraint_names, active[number]),
        }
        for number, (e, t) in enumerate(zip(element, step, strict=True))
    ]


def _listed(names: Sequence[str], chosen: Bool[np.ndarray, " names"]) -> str:
    return ", ".join(name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen)
