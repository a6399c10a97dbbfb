"""The verification table: Jacobians against finite differences, one row per environment."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.storage.tables import metadata_of, with_metadata

# An error below this counts as right; a replay below that as the same trajectory.
RIGHT, SAME_TRAJECTORY = 1e-4, 1e-8

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("method", pa.string()),
        ("stored", pa.bool_()),
        ("samples", pa.int64()),
        ("kinks", pa.int64()),
        ("jumps", pa.int64()),
        ("starts", pa.int64()),
        ("rough_starts", pa.int64()),
        ("median_error", pa.float64()),
        ("p90_error", pa.float64()),
        ("p99_error", pa.float64()),
        ("max_error", pa.float64()),
        ("worst_element", pa.string()),
        ("share_right", pa.float64()),
        ("share_same_zeros", pa.float64()),
        ("share_undecided", pa.float64()),
        ("share_right_by_engine", pa.float64()),
        ("steps", pa.int64()),
        ("max_replay_error", pa.float64()),
        ("share_replayed", pa.float64()),
        ("share_converged", pa.float64()),
        ("share_replayed_by_engine", pa.float64()),
        ("share_converged_replayed_by_engine", pa.float64()),
        ("share_without_jacobian", pa.float64()),
        ("unrepeated", pa.int64()),
        ("unrepeated_at", pa.string()),
        ("unsteady", pa.int64()),
        ("unsteady_by", pa.float64()),
        ("unsteady_at", pa.string()),
        ("engine_compared", pa.int64()),
        ("engine_differs", pa.int64()),
        ("engine_differs_at", pa.string()),
        ("broken", pa.int64()),
        ("twins", pa.int64()),
        ("other_flags", pa.int64()),
        ("other_flags_at", pa.string()),
        ("refused", pa.string()),
    ]
)


def verification_table(samples: Sequence[pa.Table], replays: Sequence[pa.Table]) -> pa.Table:
    """Summarise verified samples, away from kinks and jumps, and replays of whole files.

    Args:
        samples: tables of kind ``verification``, merged over seeds, one per environment and
            behaviour.
        replays: tables of kind ``replay``, likewise, in the same order.

    Returns:
        ``SCHEMA``, a row per environment, behaviour and method; rows that are ``stored`` judge the
        datasets, others a method on their samples. ``share_right`` is the share of samples with an
        error below 1e-4 and no wrong element; ``share_same_zeros`` that of samples without a missed
        or invented element; ``share_undecided`` that of elements which differences cannot decide;
        ``share_right_by_engine`` the share right by differences of MuJoCo's C engine, of
        those samples that it steps to the same state (1e-8). The rest is about all ``steps``:
        shares replayed by MJX (1e-12), with a converged solver, and replayed by the C engine
        (1e-8), among all and among the converged; and the ``unrepeated``, ``unsteady``,
        ``engine_differs``, ``broken`` and ``other_flags`` of ``dynsparse.verification.replay``,
        with the place of the largest difference. ``twins`` counts episodes that begin and act as
        an earlier one does, and ``refused`` is why a file that the C engine made is not
        verified. Of such a file all steps are compared bit for bit, and what is of a second engine
        is null.
    """
    rows = [
        _row(table.filter(pc.equal(table["method"], method)), replay)
        for table, replay in zip(samples, replays, strict=True)
        for method in table["method"].unique().to_pylist()
    ]
    sources = sorted(source for table in samples for source in metadata_of(table)["sources"])
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return with_metadata(table, "verification_table", sources=sources)


def _row(table: pa.Table, replay: pa.Table) -> dict[str, Any]:
    column = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    smooth = ~column["kink"] & ~column["jump"]
    names = ("environment", "behaviour", "method", "stored")
    row = {**{name: table[name][0].as_py() for name in names}, **_replay_facts(replay)}
    row["samples"], row["kinks"] = len(table), int(column["kink"].sum())
    row["jumps"] = int((column["jump"] & ~column["kink"]).sum())
    starts = column["stratum"] == "start"
    row["starts"], row["rough_starts"] = int(starts.sum()), int((starts & ~smooth).sum())
    if not smooth.any():
        return row
    error = column["error"][smooth]
    median, p90, p99 = np.quantile(error, [0.5, 0.9, 0.99])
    right = (error < RIGHT) & (column["wrong_elements"][smooth] == 0)
    agree = (column["missed_elements"] == 0) & (column["invented_elements"] == 0)
    # The worst by what differences allow; where none is wrong, of the largest error.
    worst = np.lexsort((error, column["wrong_elements"][smooth]))[-1]
    by_engine = column["engine_error"][smooth & (column["engine_replay_error"] < SAME_TRAJECTORY)]
    return {
        **row,
        "median_error": median,
        "p90_error": p90,
        "p99_error": p99,
        "max_error": error.max(),
        "worst_element": column["worst_element"][smooth][worst],
        "share_right": right.mean(),
        "share_same_zeros": agree[smooth].mean(),
        "share_undecided": column["undecided_elements"][smooth].sum()
        / column["elements"][smooth].sum(),
        "share_right_by_engine": (by_engine < RIGHT).mean() if len(by_engine) else None,
    }


def _replay_facts(replay: pa.Table) -> dict[str, Any]:
    def total(name: str) -> Any:
        return pc.sum(replay[name]).as_py()

    steps, converged, by_engine = map(total, ("steps", "converged", "engine_replayed"))
    return {
        "steps": steps,
        "max_replay_error": pc.max(replay["max_replay_error"]).as_py(),
        "share_replayed": total("replayed") / steps,
        "share_converged": None if converged is None else converged / steps,
        "share_replayed_by_engine": None if by_engine is None else by_engine / steps,
        "share_converged_replayed_by_engine": total("engine_replayed_converged") / converged
        if converged and by_engine is not None
        else None,
        "share_without_jacobian": total("without_jacobian") / steps,
        **_largest(replay, "unrepeated"),
        **_largest(replay, "unsteady"),
        "unsteady_by": pc.max(replay["unsteady_by"]).as_py(),
        "engine_compared": total("engine_compared"),
        **_largest(replay, "engine_differs"),
        "broken": total("broken"),
        "twins": replay.num_rows - pc.count_distinct(replay["trajectory"]).as_py(),
        "other_flags": total("other_flags"),
        "other_flags_at": next(filter(None, replay["other_flags_at"].to_pylist()), None),
        "refused": next(filter(None, replay["refused"].to_pylist()), None),
    }


def _largest(replay: pa.Table, name: str) -> dict[str, Any]:
    """How many steps there are of a kind, and where the largest difference is."""
    if replay[name].null_count == len(replay):  # no such engine
        return {}
    rows = [row for row in replay.to_pylist() if row[name]]
    worst = max(rows, key=lambda row: row[f"{name}_by"], default={f"{name}_at": None})
    return {name: sum(row[name] for row in rows), f"{name}_at": worst[f"{name}_at"]}
