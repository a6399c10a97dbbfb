"""The published cells of Figure 3 beside ours (paper, section 5.1)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.intervals import listed
from dynsparse.sparsity.merging import at_threshold
from dynsparse.sparsity.patterns import byte_rows, unpack
from dynsparse.storage.tables import metadata_of
from dynsparse.tables.published import Cell
from dynsparse.tables.writing import item

# What the samples of a case are parted by; together they are all.
CONDITIONS = ("touching", "apart_at_limit", "apart")
SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("row", pa.int64()),
        ("column", pa.int64()),
        ("row_name", pa.string()),
        ("column_name", pa.string()),
        ("paper_percent_zero", pa.float64()),
        ("percent_zero", pa.float64()),
        ("by_seed", pa.string()),
        *((f"percent_zero_{name}", pa.float64()) for name in CONDITIONS),
    ]
)
GROUPS_SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("paper_percent_zero", pa.float64()),
        ("cells", pa.int64()),
        ("equal_cells", pa.int64()),
        ("lowest_percent_zero", pa.float64()),
        ("highest_percent_zero", pa.float64()),
        *((f"percent_zero_{name}", pa.float64()) for name in CONDITIONS),
        *((f"samples_percent_{name}", pa.float64()) for name in CONDITIONS),
        ("columns", pa.string()),
    ]
)


def table_figure_3(
    elements: Sequence[pa.Table],
    occurrences: Sequence[pa.Table],
    published: Mapping[Cell, float],
    threshold: float,
) -> pa.Table:
    """Every published cell beside ours, and ours by what touches.

    Args:
        elements: tables of kind ``elements``, merged, one per environment and behaviour.
        occurrences: tables of kind ``occurrences`` of the same, in the same order.
        published: the paper's cells (``read_cells``).
        threshold: zero means ``|x| < threshold``; the one that ``occurrences`` were counted at.

    Returns:
        ``SCHEMA``, for environments of which the paper has cells: percent of samples in which the
        element is zero, of all, of each seed, and of those in which something touches, in which
        nothing touches but a limit acts, and in which neither; null where there are none such.
    """
    rows: list[dict[str, Any]] = []
    for counted, seen in zip(elements, occurrences, strict=True):
        environment = counted["environment"][0].as_py()
        if any(name == environment for name, _, _ in published):
            rows += _cells(at_threshold(counted, threshold), seen, published)
    return item(rows, SCHEMA, "table_figure_3", [*elements, *occurrences])


def table_figure_3_groups(
    elements: Sequence[pa.Table],
    occurrences: Sequence[pa.Table],
    published: Mapping[Cell, float],
    threshold: float,
) -> pa.Table:
    """Cells that have the same number in the paper, together; arguments as ``table_figure_3``.

    Returns:
        ``GROUPS_SCHEMA``: how many cells equal ours to the whole percent that the paper prints, our
        lowest and highest, the means by what touches, the share of such samples, and the columns
        of the Jacobian that the cells stand in.
    """
    table = table_figure_3(elements, occurrences, published, threshold)
    shares = {_case(seen): _shares(seen) for seen in occurrences if seen.num_rows}

    def key(row: Mapping[str, Any]) -> tuple[str, str, float]:
        return row["environment"], row["behaviour"], row["paper_percent_zero"]

    rows = []
    for group, members in groupby(sorted(table.to_pylist(), key=key), key):
        cells = list(members)
        ours = [cell["percent_zero"] for cell in cells]
        by = {f"percent_zero_{name}": _mean(cells, f"percent_zero_{name}") for name in CONDITIONS}
        rows.append(
            {
                **dict(zip(GROUPS_SCHEMA.names, group, strict=False)),
                "cells": len(cells),
                "equal_cells": sum(round(value) == group[2] for value in ours),
                "lowest_percent_zero": min(ours),
                "highest_percent_zero": max(ours),
                **by,
                **shares[group[:2]],
                "columns": ", ".join(sorted({_short(cell["column_name"]) for cell in cells})),
            }
        )
    return item(rows, GROUPS_SCHEMA, "table_figure_3_groups", [table])


def _cells(
    counted: pa.Table, seen: pa.Table, published: Mapping[Cell, float]
) -> Iterator[dict[str, Any]]:
    state = counted.filter(pc.equal(counted["jacobian"], "state"))
    keys = [("row", "ascending"), ("column", "ascending"), ("seed", "ascending")]
    rows = state.sort_by(keys).to_pylist()
    by_condition = _zeros_by_condition(seen)
    for number, (place, group) in enumerate(
        groupby(rows, key=lambda row: (row["row"], row["column"]))
    ):
        seeds = list(group)
        zeros, samples = (sum(row[name] for row in seeds) for name in ("zeros", "samples"))
        each = [100 * row["zeros"] / row["samples"] if row["samples"] else np.nan for row in seeds]
        yield {
            **{name: seeds[0][name] for name in SCHEMA.names if name in seeds[0]},
            "paper_percent_zero": published[(seeds[0]["environment"], *place)],
            "percent_zero": 100 * zeros / samples if samples else None,
            "by_seed": listed(each),
            **{f"percent_zero_{name}": by_condition[name][number] for name in CONDITIONS},
        }


def _conditions(seen: pa.Table) -> dict[str, np.ndarray]:
    """Which rows of ``occurrences`` are of which condition."""
    facts = metadata_of(seen)
    touching, active = (
        unpack(byte_rows(seen[bits].combine_chunks()), len(facts[names]))
        for bits, names in (("contact", "contact_names"), ("constraint_active", "constraint_names"))
    )
    # A friction loss that slides is no limit.
    limit = np.array([name.startswith("limit") for name in facts["constraint_names"]], bool)
    touches, limited = (np.asarray(bits.any(axis=1)) for bits in (touching, active[:, limit]))
    masks = (touches, ~touches & limited, ~touches & ~limited)
    return dict(zip(CONDITIONS, masks, strict=True))


def _zeros_by_condition(seen: pa.Table) -> dict[str, list[float | None]]:
    """Percent of samples in which each element of the state Jacobian is zero, row by row."""
    count = metadata_of(seen)["elements"]["state"]
    zero = unpack(byte_rows(seen["state_pattern"].combine_chunks()), count)
    samples, percent = seen["samples"].to_numpy(), {}
    for name, mask in _conditions(seen).items():
        total = samples[mask].sum()
        zeros = (samples[mask, None] * zero[mask]).sum(axis=0)
        percent[name] = (100 * zeros / total).tolist() if total else [None] * count
    return percent


def _shares(seen: pa.Table) -> dict[str, float]:
    samples = seen["samples"].to_numpy()
    return {
        f"samples_percent_{name}": 100 * float(samples[mask].sum() / samples.sum())
        for name, mask in _conditions(seen).items()
    }


def _mean(cells: Sequence[Mapping[str, Any]], column: str) -> float | None:
    values = [cell[column] for cell in cells if cell[column] is not None]
    return float(np.mean(values)) if values else None


def _case(table: pa.Table) -> tuple[str, str]:
    return table["environment"][0].as_py(), table["behaviour"][0].as_py()


def _short(name: str) -> str:
    """A dimension's name without its unit."""
    return name.partition(" [")[0]
