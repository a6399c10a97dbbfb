"""Rows of the tables of the learning experiments, as the figures and tables need them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

# The order of the paper's Figure 8.
LOSSES = (
    "state",
    "state-jacobian",
    "state-jacobian-l1",
    "state-jacobian-l1-regularizer",
    "state-jacobian-l1-sparse-only",
)


def select(table: pa.Table, **values: object) -> pa.Table:
    """The rows that have these values."""
    for name, value in values.items():
        table = table.filter(pc.equal(table[name], value))
    return table


def cases(table: pa.Table) -> list[tuple[str, str]]:
    """Environments and behaviours of a table, sorted."""
    pairs = table.select(["environment", "behaviour"]).to_pylist()
    return sorted({(row["environment"], row["behaviour"]) for row in pairs})


def of_case(table: pa.Table, case: tuple[str, str]) -> pa.Table:
    """The rows of one environment and behaviour."""
    return select(table, environment=case[0], behaviour=case[1])


def losses(table: pa.Table) -> list[str]:
    """The losses of a table, in the paper's order."""
    found = set(pc.unique(table["loss"]).to_pylist())
    return [loss for loss in LOSSES if loss in found]


def splits(table: pa.Table) -> list[str]:
    """The splits of a table, sorted."""
    return sorted(pc.unique(table["split"]).to_pylist())


def seeds(table: pa.Table) -> list[int]:
    """The seeds of a table, sorted."""
    return sorted(seed for seed in pc.unique(table["seed"]).to_pylist() if seed is not None)


def trained(table: pa.Table) -> pa.Table:
    """The rows of the last epoch of each training."""
    keys = ["environment", "behaviour", "split", "loss"]
    last = table.group_by(keys).aggregate([("epoch", "max")])
    joined = table.join(last, keys)
    return joined.filter(pc.equal(joined["epoch"], joined["epoch_max"])).drop_columns(["epoch_max"])


def healthy(table: pa.Table) -> pa.Table:
    """The rows of seeds that did not fail: what a failed one measures means nothing."""
    return table.filter(pc.is_null(table["failed_epoch"]))


def series(table: pa.Table, column: str) -> Float[np.ndarray, " rows"]:
    """A column as floats; what is missing is not a number."""
    return np.asarray(table[column].cast(pa.float64()).to_numpy(zero_copy_only=False), float)


def per_seed(table: pa.Table, column: str, seeds: Sequence[int]) -> Float[np.ndarray, " seeds"]:
    """One value for each seed; not a number where a seed is missing."""
    values = dict(zip(table["seed"].to_pylist(), table[column].to_pylist(), strict=True))
    found = [values.get(seed) for seed in seeds]
    return np.array([np.nan if value is None else value for value in found], float)
