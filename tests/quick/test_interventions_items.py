"""The table of moved inputs, from planted measurements."""

import numpy as np
import pyarrow as pa
import pytest

from dynsparse.learning.scoring.records import as_table
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.table_interventions import SCHEMA, table_interventions

# The table's reader must not need JAX, so its columns are written down here.
COUNTS = {"samples": 10, "unrepeated": 2, "interventions": 40, "out_of_range": 3, "blown_up": 1}
COUNTS |= {"outputs_unmoved": 20, "zeros_unmoved": 15}
ERRORS = {"unmoved_mse": 0.4, "recorded_mse": 0.1, "intervened_mse": 1.0}
TOLD = {"state": "nothing", "oracle": "true zeros in tests"}


def who(learner, seed, number=0):
    shared = {"environment": "Arm", "behaviour": "expert", "policies": 2, "split": "half"}
    return {**shared, "number": number, "learner": learner, "seed": seed}


def made(rows, failed=()):
    """Planted errors, and curves of which some seeds have failed."""
    ends = [
        {**row, "epoch": 1, "chosen_epoch": 1, "failed_epoch": 1 if row["seed"] in failed else None}
        for row in ({k: row[k] for k in who("", 0)} for row in rows)
    ]
    whole = [{**COUNTS, **ERRORS, "sigmas": 1.0, **row} for row in rows]
    moved = with_metadata(pa.Table.from_pylist(whole), "learning_interventions", sources=[])
    return table_interventions(moved, as_table("curves", ends), TOLD)


def seeds(ratios, learner="state"):
    return [
        {**who(learner, seed), "unmoved_mse": ratio * seed, "recorded_mse": float(seed)}
        for seed, ratio in enumerate(ratios, start=1)
    ]


def test_a_ratio_is_the_geometric_mean_of_each_seeds_with_its_ends():
    table = made(seeds([1.0, 4.0, 2.0]))
    assert table.schema.remove_metadata() == SCHEMA
    (row,) = table.to_pylist()
    found = [row[f"ratio{end}"] for end in ("_lowest", "", "_highest")]
    np.testing.assert_allclose(found, [1, 2, 4])
    found = [row[f"unmoved_mse{end}"] for end in ("_lowest", "", "_highest")]
    np.testing.assert_allclose(found, [1, 5, 8])
    assert (row["seeds"], row["recorded_mse"], row["zeros_percent"]) == (3, 2, 75)
    assert (row["told"], row["intervened_mse"]) == ("nothing", 1)


def test_who_is_not_disturbed_has_a_ratio_of_exactly_one():
    rows = [{**who("mean", None), "unmoved_mse": 0.3, "recorded_mse": 0.3}]
    (row,) = made(rows).to_pylist()
    assert [row[f"ratio{end}"] for end in ("", "_lowest", "_highest")] == [1, 1, 1]
    assert (row["seeds"], row["told"]) == (0, None)


def test_a_seed_that_failed_is_in_no_mean():
    (row,) = made(seeds([2.0, 2.0, 1e9]), failed=(3,)).to_pylist()
    assert (row["seeds"], row["ratio_highest"]) == (2, pytest.approx(2))


def test_counts_are_those_of_all_splits_and_not_of_all_seeds():
    rows = [who("state", seed, number) for seed in (1, 2, 3) for number in (0, 1)]
    (row,) = made(rows).to_pylist()
    assert (row["samples"], row["interventions"], row["blown_up"]) == (20, 80, 2)


@pytest.mark.parametrize(("unmoved", "recorded"), [(None, None), (0.0, 0.0), (1.0, 0.0)])
def test_nothing_to_divide_by_has_no_ratio(unmoved, recorded):
    rows = [{**who("state", 1), "unmoved_mse": unmoved, "recorded_mse": recorded}]
    rows.append({**who("state", 2), "unmoved_mse": 3.0, "recorded_mse": 1.0})
    (row,) = made(rows).to_pylist()
    assert row["ratio"] == row["ratio_lowest"] == pytest.approx(3)


def test_networks_come_in_their_order_then_controls_by_the_size_of_the_move():
    order = [("state", 1), ("oracle", 1), ("linear", None), ("mean", None)]
    rows = [{**who(*one), "sigmas": size} for size in (10.0, 1.0) for one in order[::-1]]
    rows.sort(key=lambda row: [name for name, _ in order].index(row["learner"]))
    found = [(row["learner"], row["sigmas"]) for row in made(rows).to_pylist()]
    assert found == [(name, size) for name, _ in order for size in (1.0, 10.0)]
