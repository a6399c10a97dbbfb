"""Mean sparsity with and without each contact (paper, section 5.2)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from dynsparse.sparsity.intervals import difference_of_ratios, listed, units
from dynsparse.sparsity.patterns import byte_rows, unpack
from dynsparse.sparsity.steps import ones
from dynsparse.storage.tables import metadata_of
from dynsparse.tables.table_1_seeds import known
from dynsparse.tables.writing import item

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("contact", pa.string()),
        ("touching_percent", pa.float64()),
        ("jacobian", pa.string()),
        ("sparsity_touching", pa.float64()),
        ("sparsity_apart", pa.float64()),
        ("difference", pa.float64()),
        ("difference_low", pa.float64()),
        ("difference_high", pa.float64()),
        ("difference_by_seed", pa.string()),
    ]
)
ANY = "any pair"


class Occurrences(NamedTuple):
    """Columns of an ``occurrences`` table as arrays; a row stands for ``samples`` samples."""

    unit: np.ndarray
    samples: np.ndarray
    touching: np.ndarray
    zeros: dict[str, np.ndarray]


def table_contacts(occurrences: Sequence[pa.Table]) -> pa.Table:
    """Sparsity while a pair of geoms touches beside that while it does not.

    Args:
        occurrences: tables of kind ``occurrences``, merged, one per environment and behaviour.

    Returns:
        ``SCHEMA``: one row per pair that ever touches and Jacobian, and one for ``any pair``. The
        difference (touching minus apart) has a 95 % bootstrap interval over seeds, null with fewer
        than five of them in which the pair touches and does not; each seed's is beside it.
    """
    rows = [row for table in occurrences for row in _rows(table)]
    return item(rows, SCHEMA, "table_contacts", occurrences)


def read_occurrences(table: pa.Table) -> Occurrences:
    """The numbers behind the packed bits."""
    unit = units(table["seed"].to_numpy())
    zeros = {
        name: ones(byte_rows(table[f"{name}_pattern"].combine_chunks()))
        for name in ("state", "action")
    }
    pairs = len(metadata_of(table)["contact_names"])
    touching = unpack(byte_rows(table["contact"].combine_chunks()), pairs)
    return Occurrences(unit, table["samples"].to_numpy(), touching, zeros)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    if not table.num_rows:
        return []
    found, names = read_occurrences(table), metadata_of(table)["contact_names"]
    columns: dict[str, Any] = {n: found.touching[:, k] for k, n in enumerate(names)}
    columns[ANY] = found.touching.any(axis=1)
    return [
        {
            "environment": table["environment"][0].as_py(),
            "behaviour": table["behaviour"][0].as_py(),
            "contact": name,
            **_compared(found, touching, jacobian, metadata_of(table)["elements"][jacobian]),
        }
        for name, touching in columns.items()
        if touching.any()
        for jacobian in ("state", "action")
    ]


def _compared(
    found: Occurrences, touching: np.ndarray, jacobian: str, elements: int
) -> dict[str, Any]:
    count = int(found.unit.max()) + 1
    sides = []
    for side in (touching, ~touching):
        weight = np.where(side, found.samples, 0)
        sums = np.bincount(found.unit, weight * found.zeros[jacobian], minlength=count)
        sides.append((sums / elements, np.bincount(found.unit, weight, minlength=count)))
    with np.errstate(invalid="ignore"):
        means = [float(np.divide(sums.sum(), weight.sum())) for sums, weight in sides]
    difference = difference_of_ratios(sides[0], sides[1])
    return {
        "touching_percent": 100 * float(sides[0][1].sum() / found.samples.sum()),
        "jacobian": jacobian,
        "sparsity_touching": known(means[0]),
        "sparsity_apart": known(means[1]),
        "difference": known(difference.mean),
        "difference_low": known(difference.low),
        "difference_high": known(difference.high),
        "difference_by_seed": listed(difference.each),
    }
