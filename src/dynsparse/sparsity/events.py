"""Sparsity around the onset and the release of contacts (paper, section 5.3)."""

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from dynsparse.sparsity.patterns import PackedEpisode, PatternInfo, PatternSource
from dynsparse.sparsity.source import identity_columns
from dynsparse.sparsity.steps import ones
from dynsparse.storage.tables import with_metadata

# Steps before and after an event.
WINDOW = 20
EVENTS = ("onset", "release")

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("episode", pa.int32()),
        ("event", pa.string()),
        ("lag", pa.int32()),
        ("samples", pa.int64()),
        ("state_zeros", pa.int64()),
        ("action_zeros", pa.int64()),
        ("changes", pa.int64()),
        ("change_samples", pa.int64()),
    ]
)


def measure_events(patterns: PatternSource) -> pa.Table:
    """Sums over all contact events of an episode, for every lag around them.

    A step is an onset if some pair touches that did not touch in the step before, a release if
    some pair touched before and does not any more; it may be both.

    Args:
        patterns: read once, one episode in memory at a time.

    Returns:
        ``SCHEMA``: ``lag`` in control steps after the event; ``samples`` counts the finite samples
        at that lag inside the episode; ``changes`` those whose pattern differs from the step
        before, out of ``change_samples`` that have a finite step before. Episodes without an
        event have no rows. The metadata holds the number of elements.
    """
    info = patterns.info
    parts = [_rows(info, episode, event) for episode in patterns.episodes() for event in EVENTS]
    table = pa.concat_tables(parts) if parts else SCHEMA.empty_table()
    return with_metadata(
        table,
        "events",
        **info.facts(),
        steps=table.num_rows,
        elements={"state": info.elements("state"), "action": info.elements("action")},
    )


def event_steps(
    packed_contact: np.ndarray, begins: Bool[np.ndarray, " T"], event: str
) -> Int[np.ndarray, " events"]:
    """The steps at which some pair begins (``onset``) or has ceased (``release``) to touch.

    None is where something new begins: there it is another start that touches otherwise.
    """
    before, after = packed_contact[:-1], packed_contact[1:]
    switched = after & ~before if event == "onset" else before & ~after
    return np.flatnonzero(switched.any(axis=1) & ~begins[1:]) + 1


def _rows(info: PatternInfo, episode: PackedEpisode, event: str) -> pa.Table:
    events = event_steps(episode.contact, episode.begins, event)
    lags = np.arange(-WINDOW, WINDOW + 1)
    size = len(lags) if len(events) else 0
    at = events[:, None] + lags
    inside = (at >= 0) & (at < len(episode.reward))
    at = np.where(inside, at, 0)
    # What was before the start of a fall, or after the next, has nothing to do with the event.
    part = np.cumsum(episode.begins)
    inside &= part[at] == part[events][:, None]
    counted = inside & episode.jacobian_ok[at]
    pattern = np.concatenate([episode.state_pattern, episode.action_pattern], axis=1)
    comparable = np.zeros(len(pattern), dtype=bool)
    comparable[1:] = episode.jacobian_ok[1:] & episode.jacobian_ok[:-1] & ~episode.begins[1:]
    changed = np.zeros(len(pattern), dtype=np.int64)
    changed[1:] = (pattern[1:] != pattern[:-1]).any(axis=1)
    compared = inside & comparable[at]
    sums = {
        "samples": counted.sum(axis=0),
        "state_zeros": _sum(ones(episode.state_pattern), at, counted),
        "action_zeros": _sum(ones(episode.action_pattern), at, counted),
        "changes": _sum(changed, at, compared),
        "change_samples": compared.sum(axis=0),
    }
    columns = identity_columns(info, size) | {
        "episode": pa.repeat(pa.scalar(episode.index, pa.int32()), size),
        "event": pa.repeat(pa.scalar(event), size),
        "lag": lags[:size].astype(np.int32),
        **{name: values[:size].astype(np.int64) for name, values in sums.items()},
    }
    return pa.table(columns, schema=SCHEMA)


def _sum(
    values: Int[np.ndarray, " T"] | Float[np.ndarray, " T"],
    at: Int[np.ndarray, "events lags"],
    counted: Bool[np.ndarray, "events lags"],
) -> Int[np.ndarray, " lags"]:
    return np.where(counted, values[at], 0).sum(axis=0)
