"""Tables A2.1 and A2.3 to A2.13: how the network and its training were chosen (A2.1)."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from dynsparse.errors import DynsparseError
from dynsparse.learning.data.splits import held_out
from dynsparse.learning.learners import plain
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.learned import cases, of_case, select, series

# The published tables: which search run, and which of its settings.
PUBLISHED = {
    "3": ("run_1", "learning_rate"),
    "4": ("run_1", "width"),
    "5": ("run_1", "depth"),
    "6": ("run_1", "dropout"),
    "9": ("run_2", "width"),
    "10": ("run_2", "depth"),
    "11": ("run_2", "weight_decay"),
    "13": ("run_3", "activation"),
}

RANKS = pa.schema(
    [
        ("run", pa.string()),
        ("setting", pa.string()),
        ("value", pa.string()),
        ("trainings", pa.int64()),
        ("mean_rank", pa.float64()),
        ("mean_rank_share", pa.float64()),
        ("mean_validation_rank", pa.float64()),
        ("chosen", pa.bool_()),
        ("paper_mean_rank", pa.float64()),
        ("paper_chosen", pa.bool_()),
    ]
)
SETUP = pa.schema([("setting", pa.string()), ("value", pa.string()), ("paper", pa.string())])


class Rank(NamedTuple):
    """A row of the paper's tables."""

    value: str
    mean_rank: float


def table_a2_ranks(
    number: str, searches: pa.Table, published: Mapping[str, Sequence[Rank]]
) -> pa.Table:
    """Mean rank of each value of a setting, marginalised over all others.

    Every training (combination and seed) is ranked by its final error among all trainings of its
    environment, 1 being the best; failed ones come last. The mean is over environments and all
    else. Ranks by test error are the paper's; a value is chosen by validation error, so that the
    test samples stay unseen.

    Args:
        number: of the paper's table, a key of ``PUBLISHED``.
        searches: tables of kind ``learning_search`` of that table's run, of all environments.
        published: the paper's ranks by table number (``read_ranks``).

    Returns:
        ``RANKS``. ``mean_rank_share`` is the mean rank divided by the number of trainings of an
        environment, so that searches of different size compare: 0.5 is the middle.
    """
    run, setting = PUBLISHED[number]
    table = select(searches, run=run)
    test = _mean_ranks(table, setting, "test_state_mse")
    validation = _mean_ranks(table, setting, "validation_state_mse")
    best = min(found.mean_rank for found in validation.values())
    paper = {_text(_number(rank.value)): rank.mean_rank for rank in published.get(number, ())}
    names = sorted({*test, *paper}, key=lambda v: (test[v].mean_rank if v in test else np.inf, v))
    rows = [
        {
            "run": run,
            "setting": setting,
            "value": value,
            **(test[value]._asdict() if value in test else {"trainings": 0}),
            "mean_validation_rank": validation[value].mean_rank if value in test else None,
            "chosen": value in test and validation[value].mean_rank == best,
            "paper_mean_rank": paper.get(value),
            "paper_chosen": paper[value] == min(paper.values()) if value in paper else None,
        }
        for value in names
    ]
    return with_metadata(pa.Table.from_pylist(rows, schema=RANKS), f"table_a2_{number}")


class _MeanRank(NamedTuple):
    trainings: int
    mean_rank: float
    mean_rank_share: float


def _mean_ranks(table: pa.Table, setting: str, column: str) -> dict[str, _MeanRank]:
    """By value of a setting, ranks of the trainings by an error."""
    values, ranks, shares = [], [], []
    for case in cases(table):
        mine = of_case(table, case)
        error = series(mine, column)
        rank = rankdata(np.where(np.isfinite(error), error, np.inf))
        values += [_text(value) for value in mine[setting].to_pylist()]
        ranks.append(rank)
        shares.append(rank / len(rank))
    name, rank, share = np.array(values), np.concatenate(ranks), np.concatenate(shares)
    return {
        value: _MeanRank(
            int((name == value).sum()),
            float(rank[name == value].mean()),
            float(share[name == value].mean()),
        )
        for value in set(values)
    }


def table_a2_1(section: Mapping[str, Any], episodes: int, published: Mapping[str, str]) -> pa.Table:
    """The setup of the learning experiments beside the paper's Table A2.1.

    Args:
        section: the configuration's ``learning``.
        episodes: of each environment and behaviour, all seeds together. Parts hold whole ones, or
            as many samples.
        published: setting -> the paper's value.
    """
    validation, test = held_out(episodes, section["validation_share"], section["test_share"])
    learners = section["learners"].values()
    ours = {
        "architecture": _each(learner["architecture"] for learner in learners),
        **section["model"],
        **section["training"],
        "initialisation": "kaiming normal",
        "normalisation": "z-score of states and actions; chain rule for Jacobians",
        "environments": ", ".join(section["environments"]),
        "losses": _each(learner["loss"] for learner in learners),
        "seeds": len(section["seeds"]),
        "splits": ", ".join(f"{count} by {kind}" for kind, count in section["splits"].items()),
        "test_share": section["test_share"],
        "test_episodes": f"{test} of {episodes}",
        "validation_share": section["validation_share"],
        "validation_episodes": f"{validation} of {episodes}",
    }
    for name in section["learners"]:
        if name not in plain(section):
            facts = section["learners"][name].items()
            ours[f"learner {name}"] = ", ".join(f"{key} {value}" for key, value in facts)
    rows = [
        {"setting": name, "value": str(value), "paper": published.get(name)}
        for name, value in ours.items()
    ]
    return with_metadata(pa.Table.from_pylist(rows, schema=SETUP), "table_a2_1")


def _each(values: Iterable[str]) -> str:
    """Different values, in their order."""
    return ", ".join(dict.fromkeys(values))


def read_ranks(path: Path | str) -> dict[str, list[Rank]]:
    """The paper's ranks by table number, from a CSV file with table, value and mean_rank.

    Raises:
        DynsparseError: the file is missing or malformed.
    """
    found: dict[str, list[Rank]] = {}
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                rank = Rank(row["value"], float(row["mean_rank"]))
                found.setdefault(row["table"], []).append(rank)
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise DynsparseError(
            f"{path}: should have the columns table, value and mean_rank: {error}"
        ) from error
    return found


def read_setup(path: Path | str) -> dict[str, str]:
    """The paper's setup, from a CSV file with setting and value.

    Raises:
        DynsparseError: the file is missing or malformed.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            return {row["setting"]: row["value"] for row in csv.DictReader(stream)}
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise DynsparseError(
            f"{path}: should have the columns setting and value: {error}"
        ) from error


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
