"""How much the next state depends on the solver's warm start, beside state and action."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.tables.writing import item

# A next state has moved if any of its dimensions has by more than this; rounding is below.
MOVED = 1e-9
# Shares of the largest element.
JACOBIAN_OFF = 0.1
CHAIN_OFF = {"1e_4": 1e-4, "1e_2": 1e-2, "1e_1": 1e-1}
STARTS = ("zero", "other")
SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("solver", pa.string()),
        ("steps", pa.int64()),
        *((f"moved_by_{start}_percent", pa.float64()) for start in STARTS),
        *((f"largest_by_{start}", pa.float64()) for start in STARTS),
        *((f"mean_square_by_{start}", pa.float64()) for start in STARTS),
        ("jacobians", pa.int64()),
        ("jacobians_off_percent", pa.float64()),
        ("zeros_differ_percent", pa.float64()),
        ("chains", pa.int64()),
        *((f"chains_off_{name}_percent", pa.float64()) for name in CHAIN_OFF),
    ]
)


def table_memory(memory: Sequence[pa.Table]) -> pa.Table:
    """Steps taken again with other warm starts, one row per environment, behaviour and solver.

    Args:
        memory: tables of kind ``memory``, merged, one per environment and behaviour.

    Returns:
        ``SCHEMA``: of all ``steps`` the share whose next state moves by more than 1e-9 with a warm
        start of zero, and with the one left under another action; the largest move, and the mean
        square of all moves in standard deviations. Of the steps whose ``jacobians`` were compared,
        under the study's own solver, the share in which an element is off by more than a tenth of
        the largest with memory 0, and in which a zero comes or goes. Of the ``chains`` of two steps
        that have a derivative, the share in which it is not the product of both Jacobians, by
        more than 1e-4, 1 and 10 % of the largest element.
    """
    rows = [
        _row(table.filter(pc.equal(table["solver"], solver)))
        for table in memory
        for solver in sorted(pc.unique(table["solver"]).to_pylist())
    ]
    return item(rows, SCHEMA, "table_memory", memory)


def _row(table: pa.Table) -> dict[str, Any]:
    row = {name: table[name][0].as_py() for name in ("environment", "behaviour", "solver")}
    row["steps"] = table.num_rows
    for start in STARTS:
        moved = table[f"moved_by_{start}"].to_numpy()
        row[f"moved_by_{start}_percent"] = _percent(moved > MOVED)
        row[f"largest_by_{start}"] = float(moved.max())
        row[f"mean_square_by_{start}"] = float(table[f"square_by_{start}"].to_numpy().mean())
    errors, zeros, chains = (
        table[name].drop_null().to_numpy()
        for name in ("jacobian_error", "zeros_differ", "chain_error")
    )
    row["jacobians"], row["chains"] = len(errors), len(chains)
    row["jacobians_off_percent"] = _percent(errors > JACOBIAN_OFF)
    row["zeros_differ_percent"] = _percent(zeros)
    for name, limit in CHAIN_OFF.items():
        row[f"chains_off_{name}_percent"] = _percent(chains > limit)
    return row


def _percent(found: np.ndarray) -> float | None:
    return 100 * float(found.mean()) if len(found) else None
