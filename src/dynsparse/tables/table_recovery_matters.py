"""Does finding the graph tell how errors grow, once the error of one step is known?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.learning.learners import TRUTH
from dynsparse.scores.association import association
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import (
    cases,
    healthy,
    networks,
    of_case,
    select,
    series,
    splits,
    trained,
)
from dynsparse.tables.table_8 import EVERYWHERE

# How well the zeros are found, by the size of a network's Jacobian: a score and the elements.
RECOVERY = {
    "skill": ("skill", "all"),
    "switching_average_precision": ("average_precision", "switching"),
}
ALL, UNTOLD = "all", "not told zeros in tests"

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("among", pa.string()),
        ("recovery", pa.string()),
        ("horizon", pa.int32()),
        ("learners", pa.int64()),
        ("networks", pa.int64()),
        ("correlation", pa.float64()),
        ("partial", pa.float64()),
        ("partial_low", pa.float64()),
        ("partial_high", pa.float64()),
    ]
)

Row = dict[str, Any]


class Unit(NamedTuple):
    """A learner in a case, in the mean over its networks; errors are logarithms."""

    recovery: float
    ahead: float
    one_step: float
    networks: int


def table_recovery_matters(
    curves: pa.Table, recovery: pa.Table, rollout: pa.Table, told: Mapping[str, str]
) -> pa.Table:
    """How recovery and the error in open loop go together, given the error of one step.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        recovery: likewise of kind ``learning_recovery``.
        rollout: likewise of kind ``learning_rollout``.
        told: what each learner knows of the truth.

    Returns:
        ``SCHEMA``: rank correlations over learners, each of which is the mean of its networks
        (splits and seeds) that did not fail. Below zero, who finds more of the graph errs less.
        ``partial`` is given the error of one step. Rows of ``EVERYWHERE`` are means over cases,
        of the learners that all of them have. There is no interval below eleven
        learners (``association``).
    """
    ends = trained(healthy(curves))
    honest = [name for name in networks(curves) if TRUTH not in told[name]]
    rows: list[Row] = []
    for split in splits(rollout):
        parts = [select(table, split=split) for table in (ends, recovery, rollout)]
        for among, names in ((ALL, networks(curves)), (UNTOLD, honest)):
            rows += [{"split": split, "among": among} | row for row in _rows(parts, names)]
    return with_metadata(pa.Table.from_pylist(rows, schema=SCHEMA), "table_recovery_matters")


def _rows(parts: Sequence[pa.Table], names: Sequence[str]) -> Iterator[Row]:
    """For every measure a row for each case, and one for all of them."""
    of_cases = {case: [of_case(part, case) for part in parts] for case in cases(parts[-1])}
    for measure in RECOVERY:
        found = {case: _units(mine, names, measure) for case, mine in of_cases.items()}
        for (environment, behaviour), units in found.items():
            who: Row = {"environment": environment, "behaviour": behaviour}
            who["horizon"] = _most_steps(of_cases[environment, behaviour][-1])
            yield who | {"recovery": measure} | _row([units])
        yield {"environment": EVERYWHERE, "recovery": measure} | _row(list(found.values()))


def _most_steps(rollout: pa.Table) -> int:
    return int(pc.max(rollout["horizon"]).as_py())


def _units(parts: Sequence[pa.Table], names: Sequence[str], measure: str) -> dict[str, Unit]:
    """The learners of a case of which all is known."""
    ends, recovery, rollout = parts
    last = select(rollout, horizon=_most_steps(rollout))
    column, elements = RECOVERY[measure]
    pooled = {"source": "model", "elements": elements, "regime": "all", "average": "micro"}
    found = {}
    for name in names:
        mine = series(select(recovery, learner=name, **pooled), column)
        ahead = series(select(last, learner=name), "median_error")
        one_step = series(select(ends, learner=name), "test_state_mse")
        unit = Unit(_mean(mine), _mean(np.log(ahead)), _mean(np.log(one_step)), len(one_step))
        if not np.isnan(unit).any():
            found[name] = unit
    return found


def _mean(values: np.ndarray) -> float:
    """Sorted before, so that no sum depends on the order of rows."""
    return float(np.sort(values).mean()) if len(values) else float("nan")


def _row(units: Sequence[Mapping[str, Unit]]) -> Row:
    """Of one case or several, over the learners that all of them have."""
    shared = sorted(set.intersection(*(set(each) for each in units)))
    measures = [
        np.array([[each[name][number] for name in shared] for each in units]).reshape(
            len(units), len(shared)
        )
        for number in range(3)
    ]
    found = association(measures)
    row: Row = {"learners": len(shared)}
    row["networks"] = sum(each[name].networks for each in units for name in shared)
    columns = ("correlation", "partial", "partial_low", "partial_high")
    return row | {
        name: None if np.isnan(value) else value for name, value in zip(columns, found, strict=True)
    }
