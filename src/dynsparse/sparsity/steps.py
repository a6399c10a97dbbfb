"""How sparse the Jacobians are at every step (paper, section 5.2, Figures 5 and 6)."""

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from dynsparse.sparsity.patterns import PackedEpisode, PatternInfo, PatternSource
from dynsparse.sparsity.source import Jacobian, identity_columns
from dynsparse.storage.tables import with_metadata

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("episode", pa.int32()),
        ("step", pa.int32()),
        ("time_s", pa.float64()),
        ("reward", pa.float64()),
        ("jacobian_ok", pa.bool_()),
        ("state_zeros", pa.int32()),
        ("action_zeros", pa.int32()),
        ("state_elements", pa.int32()),
        ("action_elements", pa.int32()),
        ("contacts", pa.int32()),
        ("state_changes", pa.int32()),
        ("action_changes", pa.int32()),
    ]
)


def measure_steps(patterns: PatternSource) -> pa.Table:
    """Zero elements of both Jacobians at every step, with reward and number of contacts.

    Args:
        patterns: read once, one episode in memory at a time.

    Returns:
        ``SCHEMA``; ``time_s`` is the time of the state the step starts from, since the episode's
        start. ``state_changes`` counts the elements that became zero or nonzero since the step
        before; it is null in the first step of an episode, where something new begins in it,
        and beside samples that are not finite. The zeros of such a sample are null too.
    """
    parts = [_rows(patterns.info, episode) for episode in patterns.episodes()]
    table = pa.concat_tables(parts) if parts else SCHEMA.empty_table()
    return with_metadata(table, "steps", **patterns.info.facts(), steps=table.num_rows)


def _rows(info: PatternInfo, episode: PackedEpisode) -> pa.Table:
    steps = len(episode.reward)
    number = np.arange(steps, dtype=np.int32)
    columns = identity_columns(info, steps) | {
        "episode": pa.repeat(pa.scalar(episode.index, pa.int32()), steps),
        "step": number,
        "time_s": number * info.control_dt_s,
        "reward": episode.reward,
        "jacobian_ok": episode.jacobian_ok,
        "state_zeros": _zeros(episode, "state"),
        "action_zeros": _zeros(episode, "action"),
        "state_elements": pa.repeat(pa.scalar(info.elements("state"), pa.int32()), steps),
        "action_elements": pa.repeat(pa.scalar(info.elements("action"), pa.int32()), steps),
        "contacts": ones(episode.contact),
        "state_changes": _changes(episode, "state"),
        "action_changes": _changes(episode, "action"),
    }
    return pa.table(columns, schema=SCHEMA)


def ones(packed: np.ndarray) -> Int[np.ndarray, " T"]:
    """How many bits of each row are set."""
    return np.bitwise_count(packed).sum(axis=1, dtype=np.int32)


def _zeros(episode: PackedEpisode, jacobian: Jacobian) -> pa.Array:
    return pa.array(ones(episode.pattern(jacobian)), mask=~episode.jacobian_ok)


def _changes(episode: PackedEpisode, jacobian: Jacobian) -> pa.Array:
    pattern, ok = episode.pattern(jacobian), episode.jacobian_ok
    changes = np.zeros(len(pattern), dtype=np.int32)
    changes[1:] = ones(pattern[1:] ^ pattern[:-1])
    known = ok & np.roll(ok, 1)
    known[:1] = False
    known &= ~episode.begins
    return pa.array(changes, mask=~known)
