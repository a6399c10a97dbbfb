"""The verification table: Jacobians against finite differences, one row per environment."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.errors import DynsparseError
from dynsparse.sparsity.parquet import metadata_of, with_metadata

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
        ("median_error", pa.float64()),
        ("p90_error", pa.float64()),
        ("p99_error", pa.float64()),
        ("max_error", pa.float64()),
        ("worst_element", pa.string()),
        ("share_right", pa.float64()),
        ("share_same_zeros", pa.float64()),
        ("share_right_by_engine", pa.float64()),
        ("steps", pa.int64()),
        ("max_replay_error", pa.float64()),
        ("share_replayed", pa.float64()),
        ("share_converged", pa.float64()),
        ("share_replayed_by_engine", pa.float64()),
        ("share_converged_replayed_by_engine", pa.float64()),
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
        error below 1e-4; ``share_same_zeros`` that of samples without a missed or invented
        element; ``share_right_by_engine`` the share right by differences of MuJoCo's C engine, of
        those samples that it steps to the same state (1e-8). The rest is about all ``steps``:
        shares replayed by MJX (1e-12), with a converged solver, and replayed by the C engine
        (1e-8), among all and among the converged.
    """
    rows = [
        _row(table.filter(pc.equal(table["method"], method)), replay)
        for table, replay in zip(samples, replays, strict=True)
        for method in table["method"].unique().to_pylist()
    ]
    sources = sorted(source for table in samples for source in metadata_of(table)["sources"])
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return with_metadata(table, "verification_table", sources=sources)


def require_verified(table: pa.Table, least_share: float, accepted: Collection[str]) -> None:
    """Refuse Jacobians that verification found wrong.

    Args:
        table: what ``verification_table`` made.
        least_share: the least share of samples that have to be right.
        accepted: environments that may fail.

    Raises:
        DynsparseError: names each environment that failed, and its worst element; or those of which
            nothing is known, since every checked sample is at a kink or a jump.
    """
    rows = [r for r in table.to_pylist() if r["stored"] and r["environment"] not in accepted]
    unknown = [f"{r['environment']} ({r['behaviour']})" for r in rows if r["share_right"] is None]
    if unknown:
        raise DynsparseError(
            f"Jacobians of {', '.join(unknown)} are not verified: every checked sample is at a "
            "kink or a jump; raise verification.samples, or name the environment in "
            "verification.accept"
        )
    failed = [
        f"{row['environment']} ({row['behaviour']}, {row['method']}): {row['share_right']:.4f} "
        f"right, worst {row['worst_element']}"
        for row in rows
        if row["share_right"] < least_share
    ]
    if failed:
        raise DynsparseError(
            f"Jacobians are wrong in more than {1 - least_share:.2%} of the samples: "
            f"{'; '.join(failed)}; choose another jacobian.method, or name the environment in "
            "verification.accept"
        )


def _row(table: pa.Table, replay: pa.Table) -> dict[str, Any]:
    column = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    smooth = ~column["kink"] & ~column["jump"]
    names = ("environment", "behaviour", "method", "stored")
    row = {**{name: table[name][0].as_py() for name in names}, **_replay_facts(replay)}
    row["samples"], row["kinks"] = len(table), int(column["kink"].sum())
    row["jumps"] = int((column["jump"] & ~column["kink"]).sum())
    if not smooth.any():
        return row
    error = column["error"][smooth]
    median, p90, p99 = np.quantile(error, [0.5, 0.9, 0.99])
    agree = (column["missed_elements"] == 0) & (column["invented_elements"] == 0)
    by_engine = column["engine_error"][smooth & (column["engine_replay_error"] < SAME_TRAJECTORY)]
    return {
        **row,
        "median_error": median,
        "p90_error": p90,
        "p99_error": p99,
        "max_error": error.max(),
        "worst_element": column["worst_element"][smooth][error.argmax()],
        "share_right": (error < RIGHT).mean(),
        "share_same_zeros": agree[smooth].mean(),
        "share_right_by_engine": (by_engine < RIGHT).mean() if len(by_engine) else None,
    }


def _replay_facts(replay: pa.Table) -> dict[str, Any]:
    total = {name: pc.sum(replay[name]).as_py() for name in replay.column_names[4:]}
    steps, converged = total["steps"], total["converged"]
    return {
        "steps": steps,
        "max_replay_error": pc.max(replay["max_replay_error"]).as_py(),
        "share_replayed": total["replayed"] / steps,
        "share_converged": None if converged is None else converged / steps,
        "share_replayed_by_engine": total["engine_replayed"] / steps,
        "share_converged_replayed_by_engine": total["engine_replayed_converged"] / converged
        if converged
        else None,
    }
