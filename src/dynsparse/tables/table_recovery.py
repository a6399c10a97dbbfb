"""How well models find the zeros of the true Jacobian, beside guesses without a network."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.learning.comparison import mean_over_seeds
from dynsparse.learning.selection import cases, losses, of_case, select, series, splits
from dynsparse.sparsity.parquet import with_metadata

KEYS = ("elements", "average", "regime")
MEASURES = ("auroc", "average_precision", "f1", "hamming_distance")

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        *((name, pa.string()) for name in KEYS),
        ("guess", pa.string()),
        ("seeds", pa.int64()),
        ("samples", pa.int64()),
        ("scored_elements", pa.int64()),
        ("base_rate", pa.float64()),
        ("auroc", pa.float64()),
        ("auroc_low", pa.float64()),
        ("auroc_high", pa.float64()),
        ("average_precision", pa.float64()),
        ("average_precision_low", pa.float64()),
        ("average_precision_high", pa.float64()),
        ("f1", pa.float64()),
        ("hamming_distance", pa.float64()),
    ]
)


def table_recovery(recovery: pa.Table, controls: pa.Table) -> pa.Table:
    """Recovery of the zero pattern: trained models of every loss, untrained ones, and controls.

    Args:
        recovery: tables of kind ``learning_recovery`` of all environments and losses.
        controls: likewise of the guesses that need no network.

    Returns:
        ``SCHEMA``: means over seeds, with 95 % bootstrap intervals where there is more than one.
        ``base_rate`` is the share of zeros, which is what average precision is without any skill;
        0.5 is AUROC's.
    """
    rows: list[dict[str, Any]] = []
    for split in splits(recovery):
        for case in cases(recovery):
            models = of_case(select(recovery, split=split), case)
            others = of_case(select(controls, split=split), case)
            shared = {"split": split, "environment": case[0], "behaviour": case[1]}
            rows += [{**shared, **row} for row in _rows(models, others)]
    plain = [
        {name: _null(value) for name, value in row.items() if name in SCHEMA.names} for row in rows
    ]
    return with_metadata(pa.Table.from_pylist(plain, schema=SCHEMA), "table_recovery")


def _rows(models: pa.Table, controls: pa.Table) -> Iterator[dict[str, Any]]:
    """All guesses for each set of elements, average and regime."""
    last = pc.max(models["epoch"]).as_py()
    for key in sorted({tuple(row[k] for k in KEYS) for row in models.select(KEYS).to_pylist()}):
        facts = dict(zip(KEYS, key, strict=True))
        these = select(models, **facts)
        guesses = {"untrained": _one_per_seed(select(these, epoch=0))}
        for source, suffix in (("model", ""), ("permuted", ", samples permuted")):
            final = select(these, epoch=last, source=source)
            guesses |= {f"{loss}{suffix}": select(final, loss=loss) for loss in losses(final)}
        others = select(controls, **facts)
        guesses |= {
            source: select(others, source=source)
            for source in pc.unique(others["source"]).to_pylist()
        }
        for guess, table in guesses.items():
            if table.num_rows:
                yield {**facts, "guess": guess, **_row(table)}


def _one_per_seed(table: pa.Table) -> pa.Table:
    """The first row of each seed: untrained, its network is the same under every loss."""
    _, first = np.unique(series(table, "seed"), return_index=True)
    return table.take(first)


def _row(table: pa.Table) -> dict[str, Any]:
    """One guess, over its seeds."""
    row: dict[str, Any] = {
        "seeds": len({seed for seed in table["seed"].to_pylist() if seed is not None}),
        "samples": table["samples"][0].as_py(),
        "scored_elements": table["scored_elements"][0].as_py(),
        "base_rate": table["base_rate"][0].as_py(),
    }
    for measure in MEASURES:
        found = mean_over_seeds(series(table, measure))
        row[measure] = found.estimate
        if row["seeds"] > 1:
            row |= {f"{measure}_low": found.low, f"{measure}_high": found.high}
    return row


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value
