"""Tables of the learning experiments, from planted measurements."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from learning_fakes import section
from learning_tables import curves, recovery, scores, searched, sparsity

from dynsparse.errors import DynsparseError
from dynsparse.learning.records import as_table
from dynsparse.learning.selection import LOSSES, select
from dynsparse.tables.table_8 import EVERYWHERE, table_8, table_8_pairs
from dynsparse.tables.table_a2 import PUBLISHED, Rank, read_ranks, read_setup, table_a2_1
from dynsparse.tables.table_a2 import table_a2_ranks as ranks
from dynsparse.tables.table_recovery import table_recovery


def rows_of(table, **values):
    return [row for row in table.to_pylist() if all(row[name] == v for name, v in values.items())]


def test_table_8_has_means_intervals_and_names_failures():
    failed = {("Arm", "state", 2)}
    table = table_8(curves(failed), sparsity(failed), 1e-6)
    (row,) = rows_of(table, split="episode", environment="Arm", loss="state")
    assert (row["seeds"], row["failed_seeds"]) == (4, 1)
    assert row["failures"] == "seed 2 in epoch 1"
    np.testing.assert_allclose(row["state_mse"], 0.1 * (1 + (1 + 3 + 4) / 300))
    assert row["state_mse_low"] <= row["state_mse"] <= row["state_mse_high"]
    assert row["relative_sparsity_initial"] == 0
    np.testing.assert_allclose(row["relative_sparsity"], 2e-4)
    assert row["relative_sparsity_low"] == row["relative_sparsity_high"]
    (everywhere,) = rows_of(table, split="episode", environment=EVERYWHERE, loss="state")
    assert (everywhere["failed_seeds"], everywhere["relative_sparsity"]) == (1, 2e-4)
    assert everywhere["relative_sparsity_low"] == everywhere["relative_sparsity_high"]
    (mean,) = rows_of(table, split="episode", environment=EVERYWHERE, loss="state-jacobian")
    # 1.5 times as large as under `state` in both environments, whatever their level.
    np.testing.assert_allclose(mean["state_mse"], 1.5, rtol=0.01)


def test_pairs_are_compared_by_seed():
    table = table_8_pairs(curves(), sparsity(), scores())
    (row,) = rows_of(
        table,
        split="sample",
        environment=EVERYWHERE,
        measure="test_state_mse",
        loss="state-jacobian-l1",
    )
    assert row["pairs"] == 8
    np.testing.assert_allclose([row["ratio"], row["ratio_low"], row["ratio_high"]], 0.5)
    # All eight differences have one sign: 2 of 256 sign patterns.
    np.testing.assert_allclose(row["p_value"], 2 / 256)
    (same,) = rows_of(
        table,
        split="sample",
        environment="Arm",
        measure="test_state_mse",
        loss="state-jacobian-l1-sparse-only",
    )
    assert (same["ratio"], same["p_value"]) == (1, 1)
    wanted = {"split": "episode", "loss": "state-jacobian"}
    zeros = rows_of(table, **wanted, measure="relative_sparsity", threshold=0.1)
    ranked = rows_of(table, **wanted, measure="average_precision")
    for rows in (zeros, ranked):
        assert [row["environment"] for row in rows] == ["Arm", "Leg", EVERYWHERE]
        assert [row["behaviour"] for row in rows] == ["expert", "expert", None]
        assert [(row["ratio"], row["pairs"]) for row in rows] == [(1, 4), (1, 4), (1, 8)]


def test_pairs_of_behaviours_are_told_apart_and_one_case_is_no_more_than_that():
    random = [
        {**row, "behaviour": "random"} for row in curves().to_pylist() if row["split"] == "episode"
    ]
    both = pa.concat_tables([curves(), as_table("curves", random)])
    arm = select(both, environment="Arm", split="episode")
    table = table_8_pairs(arm, sparsity(), scores())
    wanted = {"measure": "test_state_mse", "loss": "state-jacobian"}
    found = [(row["environment"], row["behaviour"]) for row in rows_of(table, **wanted)]
    assert found == [("Arm", "expert"), ("Arm", "random"), (EVERYWHERE, None)]
    alone = table_8_pairs(select(arm, behaviour="expert"), sparsity(), scores())
    found = [(row["environment"], row["behaviour"]) for row in rows_of(alone, **wanted)]
    assert found == [("Arm", "expert"), (EVERYWHERE, None)]


def test_pairs_of_a_failed_seed_are_left_out():
    failed = {("Arm", "state", 2)}
    fewer = table_8_pairs(curves(failed), sparsity(failed), scores())
    pairs = {row["pairs"] for row in rows_of(fewer, environment="Arm", measure="test_state_mse")}
    assert pairs == {3}
    zeros = rows_of(fewer, environment=EVERYWHERE, measure="relative_sparsity", threshold=0.1)
    assert {row["pairs"] for row in zeros} == {7}


def test_table_recovery_puts_controls_beside_models():
    models = as_table(
        "recovery", recovery(["model"], LOSSES, 0) + recovery(["model", "permuted"], LOSSES, 1)
    )
    controls = as_table(
        "recovery",
        [
            {**row, "loss": None, "seed": None, "epoch": None}
            for row in recovery(["mean pattern"], ["state"], 1)
            if row["seed"] == 1
        ],
    )
    table = table_recovery(models, controls)
    rows = rows_of(table, split="episode", environment="Leg")
    guesses = {row["guess"] for row in rows}
    assert guesses == {
        "untrained",
        "mean pattern",
        *LOSSES,
        *(f"{loss}, samples permuted" for loss in LOSSES),
    }
    (state,) = [row for row in rows if row["guess"] == "state"]
    assert (state["seeds"], state["base_rate"]) == (4, 0.25)
    np.testing.assert_allclose(state["auroc"], 0.525)
    assert state["auroc_low"] < state["auroc"] < state["auroc_high"]
    assert state["f1"] is None
    # Untrained networks are the same under every loss: they count once, in intervals too.
    (untrained,) = [row for row in rows if row["guess"] == "untrained"]
    wanted = ("seeds", "auroc", "auroc_low", "auroc_high")
    assert [untrained[name] for name in wanted] == [state[name] for name in wanted]
    (mean,) = [row for row in rows if row["guess"] == "mean pattern"]
    assert (mean["seeds"], mean["auroc_low"]) == (0, None)


def test_ranks_are_taken_within_environments_and_failures_come_last():
    published = {"5": [Rank("1", 7.5), Rank("6", 3.5)]}
    table = ranks("5", searched(run="run_1"), published).to_pylist()
    assert [row["value"] for row in table] == ["1", "2", "3", "6"]
    # Depths 1, 2, 3 take ranks 1-2, 3-4 and 5-6 of six trainings in either environment.
    assert [row["mean_rank"] for row in table] == [1.5, 3.5, 5.5, None]
    assert table[0]["mean_rank_share"] == 0.25
    assert [row["trainings"] for row in table] == [4, 4, 4, 0]
    # By validation error two layers have ranks 1 and 2, one layer 3.5 and 5, three 3.5 and 6.
    assert [row["mean_validation_rank"] for row in table] == [4.25, 1.5, 4.75, None]
    assert [row["chosen"] for row in table] == [False, True, False, False]
    assert [row["paper_mean_rank"] for row in table] == [7.5, None, None, 3.5]
    assert [row["paper_chosen"] for row in table] == [False, None, None, True]


def test_published_ranks_are_those_of_the_paper():
    found = read_ranks("resources/paper/table_a2.csv")
    assert set(found) == set(PUBLISHED)
    assert found["13"] == [Rank("elu", 8.05), Rank("leaky_relu", 12.80)]
    assert min(found["5"], key=lambda rank: rank.mean_rank).value == "2"
    # The middle of each table's ranks is that of so many trainings; the three of the first run
    # agree, as they rank the same ones.
    middles = [np.mean([rank.mean_rank for rank in found[number]]) for number in "3456"]
    np.testing.assert_allclose(middles, 405.5, atol=0.1)


def test_the_setup_stands_beside_the_papers():
    published = read_setup("resources/paper/table_a2_1.csv")
    study = {**section(test_share=0.1, validation_share=0.45), "environments": ["Arm"]}
    rows = {row["setting"]: row for row in table_a2_1(study, 4, published).to_pylist()}
    assert (rows["width"]["value"], rows["width"]["paper"]) == ("16", "512")
    assert (rows["seeds"]["value"], rows["seeds"]["paper"]) == ("2", "15")
    assert rows["validation_share"]["paper"] is None
    # A tenth of four episodes is one: what is realised stands beside what is asked for.
    assert [rows[f"test_{what}"]["value"] for what in ("share", "episodes")] == ["0.1", "1 of 4"]
    assert rows["validation_episodes"]["value"] == "2 of 4"
    assert set(published) <= set(rows)


def test_malformed_published_tables(tmp_path):
    (tmp_path / "a.csv").write_text("table,value\n3,1\n")
    with pytest.raises(DynsparseError, match=r"a\.csv: should have the columns table, value"):
        read_ranks(tmp_path / "a.csv")
    with pytest.raises(DynsparseError, match="should have the columns setting"):
        read_setup(tmp_path / "a.csv")


def test_items_need_no_jax():
    modules = [f"figures.figure_{name}" for name in ("8", "a2_1", "rollout", "depth")]
    modules += ["tables.table_8", "tables.table_recovery", "tables.table_a2"]
    names = ", ".join(f"dynsparse.{name}" for name in modules)
    code = f"import sys, {names}; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
