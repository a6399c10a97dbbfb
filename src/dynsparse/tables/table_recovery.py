"""How well models find the zeros of the true Jacobian, beside guesses without a network."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.scores.comparison import spread
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import (
    each_case,
    learners,
    networks,
    numbers,
    per_split,
    seeds,
    select,
)
from dynsparse.tables.table_8 import spread_columns, spread_values

KEYS = ("elements", "average", "regime")
MEASURES = ("auroc", "average_precision", "f1", "hamming_distance")

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        *((name, pa.string()) for name in KEYS),
        ("guess", pa.string()),
        ("splits", pa.int64()),
        ("seeds", pa.int64()),
        ("samples", pa.float64()),
        ("scored_elements", pa.float64()),
        ("base_rate", pa.float64()),
        *(column for measure in MEASURES for column in spread_columns(measure)),
    ]
)


def table_recovery(recovery: pa.Table, twins: Sequence[Sequence[str]]) -> pa.Table:
    """Recovery of the zero pattern: trained networks, untrained ones, controls and guesses.

    Args:
        recovery: tables of kind ``learning_recovery`` of all environments, learners and guesses.
        twins: the learners in groups that are one and the same network before training.

    Returns:
        ``SCHEMA``: means over splits, of means over seeds; intervals where there are five
        independent splits or more. Splits in which a score does not exist are left out.
        ``base_rate`` is the share of zeros, which is what average precision is without any skill;
        0.5 is AUROC's.
    """
    rows: list[dict[str, Any]] = []
    for shared, (mine,) in each_case(recovery):
        rows += [{**shared, **row} for row in _rows(mine, twins)]
    return with_metadata(pa.Table.from_pylist(rows, schema=SCHEMA), "table_recovery")


def _rows(scores: pa.Table, twins: Sequence[Sequence[str]]) -> Iterator[dict[str, Any]]:
    """All guesses for each set of elements, average and regime."""
    wanted = numbers(scores)
    for key in sorted({tuple(row[k] for k in KEYS) for row in scores.select(KEYS).to_pylist()}):
        facts = dict(zip(KEYS, key, strict=True))
        these = select(scores, **facts)
        for guess, table in _guesses(these, twins).items():
            if table.num_rows:
                yield {**facts, "guess": guess, **_row(table, wanted)}


def _guesses(scores: pa.Table, twins: Sequence[Sequence[str]]) -> dict[str, pa.Table]:
    """Every guess and its rows: networks and controls in the study's order, then the others."""
    models, mixed = select(scores, source="model"), select(scores, source="permuted")
    fresh = select(scores, source="untrained")
    found: dict[str, pa.Table] = {}
    for names in twins:
        guess = "untrained" if len(twins) == 1 else f"{names[0]}, untrained"
        found[guess] = _once(fresh.filter(pc.is_in(fresh["learner"], pa.array(names))))
    found |= {name: select(models, learner=name) for name in learners(models)}
    own = select(scores, source="graph")
    found |= {f"{name}, its graph": select(own, learner=name) for name in networks(own)}
    found |= {f"{n}, samples permuted": select(mixed, learner=n) for n in networks(mixed)}
    others = scores.filter(pc.is_null(scores["learner"]))
    sources = sorted(pc.unique(others["source"]).to_pylist())
    return found | {source: select(others, source=source) for source in sources}


def _once(table: pa.Table) -> pa.Table:
    """A row of each split and seed, of learners whose untrained network is the same."""
    keys = np.array([table["number"].to_pylist(), table["seed"].to_pylist()], int).T
    _, first = np.unique(keys.reshape(-1, 2), axis=0, return_index=True)
    return table.take(first)


def _row(table: pa.Table, wanted: list[int]) -> dict[str, Any]:
    """One guess, over its splits and seeds."""
    row: dict[str, Any] = {"splits": len(wanted), "seeds": len(seeds(table))}
    policies = table["policies"][0].as_py()
    for column in ("samples", "scored_elements", "base_rate"):
        row[column] = spread_values(column, spread(per_split(table, column, wanted), 0))[column]
    for measure in MEASURES:
        values = per_split(table, measure, wanted)
        row |= spread_values(measure, spread(values[np.isfinite(values)], policies))
    return row
