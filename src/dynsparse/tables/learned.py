"""Rows of the tables of the learning experiments, as the figures and tables need them."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

# Models without hidden layers (``linear.MODELS``), in the order in which items show them.
CONTROLS = ("linear", "mean", "persistence")


def select(table: pa.Table, **values: object) -> pa.Table:
    """The rows that have these values."""
    for name, value in values.items():
        table = table.filter(pc.equal(table[name], value))
    return table


def ordered(table: pa.Table) -> pa.Table:
    """The rows by split and seed, so that nothing depends on the order in a file."""
    return table.sort_by([("number", "ascending"), ("seed", "ascending")])


def cases(table: pa.Table) -> list[tuple[str, str]]:
    """Environments and behaviours of a table, sorted."""
    pairs = table.select(["environment", "behaviour"]).to_pylist()
    return sorted({(row["environment"], row["behaviour"]) for row in pairs})


def of_case(table: pa.Table, case: tuple[str, str]) -> pa.Table:
    """The rows of one environment and behaviour."""
    return select(table, environment=case[0], behaviour=case[1])


def each_case(*tables: pa.Table) -> Iterator[tuple[dict[str, str], list[pa.Table]]]:
    """By kind of split and case of the first table: what rows of it share, and all tables' rows."""
    for split in splits(tables[0]):
        parts = [select(table, split=split) for table in tables]
        for case in cases(parts[0]):
            shared = {"split": split, "environment": case[0], "behaviour": case[1]}
            yield shared, [of_case(part, case) for part in parts]


def networks(table: pa.Table) -> list[str]:
    """The learners that are trained, in the order of the files that were read (the study's)."""
    found = pc.unique(table["learner"]).drop_null().to_pylist()
    return [name for name in found if name not in CONTROLS]


def learners(table: pa.Table) -> list[str]:
    """All learners: ``networks``, then controls."""
    found = set(pc.unique(table["learner"]).to_pylist())
    return [*networks(table), *(name for name in CONTROLS if name in found)]


def splits(table: pa.Table) -> list[str]:
    """The kinds of splits of a table, sorted."""
    return sorted(pc.unique(table["split"]).to_pylist())


def numbers(table: pa.Table) -> list[int]:
    """The numbers of the splits of a table, sorted."""
    return sorted(pc.unique(table["number"]).to_pylist())


def seeds(table: pa.Table) -> list[int]:
    """The seeds of a table, sorted; a control has none."""
    return sorted(seed for seed in pc.unique(table["seed"]).to_pylist() if seed is not None)


def trained(table: pa.Table) -> pa.Table:
    """The rows of the weights that each training ended with."""
    return table.filter(pc.equal(table["epoch"], table["chosen_epoch"]))


def healthy(table: pa.Table) -> pa.Table:
    """The rows of seeds that did not fail: what a failed one measures means nothing."""
    return table.filter(pc.is_null(table["failed_epoch"]))


def series(table: pa.Table, column: str) -> Float[np.ndarray, " rows"]:
    """A column as floats; what is missing is not a number."""
    return np.asarray(table[column].cast(pa.float64()).to_numpy(zero_copy_only=False), float)


def per_split(
    table: pa.Table, column: str, wanted: Sequence[int], log: bool = False
) -> Float[np.ndarray, " splits"]:
    """The mean over seeds in each of the ``wanted`` splits, of logarithms if asked for.

    What is missing, or not positive where its logarithm is taken, is left out; not a number where
    nothing is left.
    """
    number, values = series(table, "number"), series(table, column)
    if log:
        values = np.log(np.where(values > 0, values, np.nan))
    return np.array([_mean(np.sort(values[number == each])) for each in wanted])


def _mean(values: Float[np.ndarray, " _"]) -> float:
    """Sorted before, so that no sum depends on the order of rows."""
    finite = values[~np.isnan(values)]
    return float(finite.mean()) if len(finite) else float("nan")
