"""Errors in open loop, of networks and of models without hidden layers."""

import pyarrow as pa

from dynsparse.scores.comparison import spread
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import (
    each_case,
    learners,
    numbers,
    per_split,
    select,
)
from dynsparse.tables.table_8 import spread_columns, spread_values

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("learner", pa.string()),
        ("steps", pa.int64()),
        ("splits", pa.int64()),
        *spread_columns("median_error"),
    ]
)


def table_rollout(rollout: pa.Table) -> pa.Table:
    """Errors after so many steps of a model's own predictions, in standard deviations.

    Args:
        rollout: tables of kind ``learning_rollout`` of all environments and learners.

    Returns:
        ``SCHEMA``: means over splits, of means over seeds, of the median over test windows. Empty
        where a seed's median has diverged.
    """
    rows = []
    for shared, (mine,) in each_case(rollout):
        for learner in learners(mine):
            for steps in sorted(set(mine["horizon"].to_pylist())):
                found = select(mine, learner=learner, horizon=steps)
                error = per_split(found, "median_error", numbers(mine))
                over = spread(error, mine["policies"][0].as_py())
                rows.append(
                    {
                        **shared,
                        "learner": learner,
                        "steps": steps,
                        "splits": len(error),
                        **spread_values("median_error", over),
                    }
                )
    return with_metadata(pa.Table.from_pylist(rows, SCHEMA), "table_rollout")
