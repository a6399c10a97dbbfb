"""Which zero patterns occur together with which contacts, and how often (paper, section 5.2)."""

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8

from dynsparse.sparsity.patterns import BITS, PackedEpisode, PatternInfo, PatternSource, binary
from dynsparse.sparsity.source import identity_columns
from dynsparse.storage.tables import with_metadata

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("episode", pa.int32()),
        *((name, pa.binary()) for name in BITS),
        ("samples", pa.int64()),
    ]
)


def count_occurrences(patterns: PatternSource) -> pa.Table:
    """The joint histogram of patterns, contacts and active constraints, episode by episode.

    Args:
        patterns: read once, one episode in memory at a time; samples that are not ok are left out.

    Returns:
        ``SCHEMA``: packed bits as in ``dynsparse.sparsity.patterns``. The metadata holds the
        number of elements and the names of pairs and constraints, in the order of the bits.
    """
    info = patterns.info
    parts = [_rows(info, episode) for episode in patterns.episodes()]
    return with_metadata(
        pa.concat_tables(parts) if parts else SCHEMA.empty_table(),
        "occurrences",
        **info.facts(),
        steps=sum(part["samples"].to_numpy().sum().item() for part in parts),
        elements={"state": info.elements("state"), "action": info.elements("action")},
        contact_names=info.contact_names,
        constraint_names=info.constraint_names,
    )


def row_numbers(
    rows: UInt8[np.ndarray, "T bytes"],
) -> tuple[UInt8[np.ndarray, "distinct bytes"], np.ndarray, np.ndarray]:
    """The distinct rows, the number of each row among them, and how often each occurs."""
    if not rows.shape[1]:
        return rows[:1], np.zeros(len(rows), int), np.array([len(rows)] if len(rows) else [], int)
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1])))[:, 0]
    distinct, number, count = np.unique(whole, return_inverse=True, return_counts=True)
    return distinct.view(np.uint8).reshape(-1, rows.shape[1]), number, count


def _rows(info: PatternInfo, episode: PackedEpisode) -> pa.Table:
    fields = [getattr(episode, name)[episode.jacobian_ok] for name in BITS]
    edges = np.cumsum([0, *(field.shape[1] for field in fields)])
    distinct, _, count = row_numbers(np.concatenate(fields, axis=1))
    columns = identity_columns(info, len(count)) | {
        "episode": pa.repeat(pa.scalar(episode.index, pa.int32()), len(count)),
    }
    for name, first, last in zip(BITS, edges[:-1], edges[1:], strict=True):
        columns[name] = binary(distinct[:, first:last])
    return pa.table({**columns, "samples": count.astype(np.int64)}, schema=SCHEMA)
