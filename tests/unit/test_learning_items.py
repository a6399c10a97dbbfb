"""Tables and figures of the learning experiments, from planted measurements."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from learning_fakes import section

from dynsparse.errors import DynsparseError
from dynsparse.figures.figure_8 import figure_8, relative_errors
from dynsparse.figures.figure_a2_1 import figure_a2_1
from dynsparse.figures.figure_a2_2 import figure_a2_2
from dynsparse.figures.figure_depth import figure_depth
from dynsparse.figures.figure_rollout import figure_rollout
from dynsparse.figures.figure_thresholds import figure_thresholds
from dynsparse.figures.learned import LABELS
from dynsparse.learning.records import as_table
from dynsparse.learning.search import SCHEMA as SEARCH
from dynsparse.learning.selection import LOSSES, select, trained
from dynsparse.sparsity.parquet import with_metadata
from dynsparse.tables.table_8 import EVERYWHERE, table_8, table_8_pairs
from dynsparse.tables.table_a2 import PUBLISHED, Rank, read_ranks, read_setup, table_a2_1
from dynsparse.tables.table_a2 import table_a2_ranks as ranks
from dynsparse.tables.table_recovery import table_recovery

SEEDS = (1, 2, 3, 4)
# The error of each loss, times the environment's.
FACTOR = dict(zip(LOSSES, (1.0, 1.5, 0.5, 2.0, 1.0), strict=True))
LEVEL = {"Arm": 0.1, "Leg": 10.0}


def identities(losses=LOSSES):
    for environment in LEVEL:
        for split in ("episode", "sample"):
            for loss in losses:
                for seed in SEEDS:
                    yield {
                        "environment": environment,
                        "behaviour": "expert",
                        "split": split,
                        "loss": loss,
                        "seed": seed,
                    }


def fallible(failed):
    """Every seed, and whether it is one of those that failed (environment, loss, seed)."""
    for who in identities():
        gone = (who["environment"], who["loss"], who["seed"]) in failed
        yield {**who, "failed_epoch": 1 if gone else None}, gone


def curves(failed=()):
    """Seed k is k percent worse than the loss's level; a failed one has exploded."""
    rows = []
    for who, gone in fallible(failed):
        end = LEVEL[who["environment"]] * FACTOR[who["loss"]] * (1 + who["seed"] / 100)
        for epoch, error in ((0, 50.0), (1, 1e7 if gone else end)):
            rows.append(
                {
                    **who,
                    "epoch": epoch,
                    "test_state_mse": error,
                    "validation_state_mse": error,
                    "test_jacobian_mae": error,
                }
            )
    return as_table("curves", rows)


def sparsity(failed=()):
    """A failed seed has hardly an element below any threshold."""
    rows = [
        {
            **who,
            "epoch": epoch,
            "threshold": threshold,
            "sparsity": share,
            "relative_sparsity": 2 * share,
            "true_sparsity": 0.5,
            "precision": 0.75 if share else None,
            "recall": share * 0.75 / 0.5,
        }
        for who, gone in fallible(failed)
        for epoch in (0, 1)
        for threshold, usual in ((1e-6, 0.0 if epoch == 0 else 1e-4), (0.1, 0.3))
        for share in [1e-9 if gone and epoch else usual]
    ]
    return as_table("sparsity", rows)


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


def recovery(sources, losses, epoch):
    shared = {"elements": "all", "regime": "all", "average": "micro", "samples": 9}
    return [
        {**who, **shared, "epoch": epoch, "source": source, "scored_elements": 4}
        | {"base_rate": 0.25, "auroc": 0.5 + who["seed"] / 100, "average_precision": 0.3}
        for source in sources
        for who in identities(losses)
    ]


def scores():
    return as_table("recovery", recovery(["model"], LOSSES, 0) + recovery(["model"], LOSSES, 1))


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


def searched(**columns):
    """Test errors by depth: deeper is worse, and the last training of each environment failed.

    By validation error two layers are best.
    """
    rows = [
        {
            "environment": environment,
            "behaviour": "expert",
            "run": columns.get("run", "depth"),
            "seed": seed,
            "depth": depth,
            "activation": "elu",
            "validation_state_mse": None if failed else abs(depth - 2) * level + seed,
            "test_state_mse": None if failed else depth * level + seed,
            "auroc": 0.5 + depth / 10,
        }
        for environment, level in (("Arm", 1e3), ("Leg", 1e6))
        for depth in (1, 2, 3)
        for seed in (1, 2)
        for failed in [(depth, seed) == (3, 2)]
    ]
    return with_metadata(pa.Table.from_pylist(rows, schema=SEARCH), "learning_search")


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


def texts(labels):
    return [label.get_text() for label in labels]


def test_figure_8_has_a_box_per_loss_and_draws_models_without_zeros_at_the_floor():
    finished = select(trained(curves()), split="episode")
    np.testing.assert_allclose(relative_errors(finished, "state-jacobian").mean(), 1.5)
    figure = figure_8(curves(), sparsity(), "episode", 1e-6)
    left, right = figure.axes
    assert texts(left.get_xticklabels()) == texts(right.get_xticklabels()) == list(LABELS.values())
    assert "2 environments, split by episode" in figure.get_suptitle()
    assert texts(right.get_yticklabels())[0] == "none"
    points = [line for line in left.lines if line.get_marker() == "."]
    assert [len(line.get_ydata()) for line in points] == [8] * 5
    medians = [np.median(line.get_ydata()) for line in points]
    np.testing.assert_allclose(medians, list(FACTOR.values()), rtol=0.02)
    initial = [line for line in right.lines if line.get_label() == "initial"]
    assert initial[0].get_ydata()[0] == 1e-7


def test_figures_leave_failed_models_out():
    failed = {("Arm", "state", 2), *(("Leg", "state", seed) for seed in SEEDS)}
    tables = curves(failed), sparsity(failed)
    for axes in figure_8(*tables, "episode", 1e-6).axes:
        points = [line for line in axes.lines if line.get_marker() == "."]
        # Without a reference in an environment there are no relative errors in it.
        others = 4 if axes.get_title() == "Prediction on test data" else 8
        assert [len(line.get_ydata()) for line in points] == [3, *[others] * 4]
    arm, leg = figure_a2_1(tables[0], "episode").axes
    np.testing.assert_allclose(arm.lines[0].get_ydata()[-1], 0.1 * (1 + (1 + 3 + 4) / 300))
    assert (len(arm.lines), len(leg.lines)) == (5, 4)
    hollow, filled = figure_a2_2(tables[1], "episode", 0.1).axes[0].lines[:2]
    assert len(hollow.get_ydata()) == 3
    np.testing.assert_allclose(filled.get_ydata(), [0.6] * 3)
    share = figure_thresholds(tables[1], "episode").axes[0].lines[0]
    np.testing.assert_allclose(share.get_ydata(), [1e-4, 0.3])


def test_panels_per_environment_and_a_line_per_loss():
    for figure in (
        figure_a2_1(curves(), "sample"),
        figure_a2_2(sparsity(), "sample", 1e-6),
    ):
        titles = [axes.get_title() for axes in figure.axes]
        assert titles == ["Arm (expert)", "Leg (expert)"]
    legend = figure_a2_1(curves(), "sample").legends[0]
    assert texts(legend.get_texts()) == list(LABELS.values())


def test_figure_thresholds_shows_precision_beside_the_base_rate():
    figure = figure_thresholds(sparsity(), "episode")
    _, right = figure.axes[:2]
    assert len(figure.axes) == 4
    np.testing.assert_allclose(right.lines[0].get_ydata(), 0.75)
    assert right.lines[-1].get_ydata()[0] == 0.5


def rollouts(diverged=()):
    """Errors grow by a tenth per step; (loss, seed) diverge after five."""
    rows = [
        {**who, "source": "model", "horizon": steps, "median_error": steps / 10}
        for who in identities()
        if who["split"] == "episode"
        for steps in (1, 5, 20)
    ]
    rows += [
        {**row, "source": "persistence", "seed": None} for row in rows if row["seed"] == SEEDS[0]
    ]
    for row in rows:
        if (row["loss"], row["seed"]) in diverged and row["horizon"] >= 5:
            row["median_error"] = float("inf")
    return as_table("rollout", rows)


def test_figure_rollout_has_the_guess_of_no_change():
    figure = figure_rollout(rollouts())
    assert texts(figure.legends[0].get_texts()) == [*LABELS.values(), "no change"]
    assert texts(figure.axes[0].get_xticklabels()) == ["1", "5", "20"]
    nothing = figure_rollout(as_table("rollout", []))
    assert texts(nothing.axes[0].texts) == ["no test episodes, or none long enough"]


def test_a_line_of_figure_rollout_ends_where_a_seed_diverges():
    some, every, *others, _ = (
        figure_rollout(rollouts({("state", 2), *(("state-jacobian", seed) for seed in SEEDS)}))
        .axes[0]
        .lines
    )
    assert some.get_xdata().tolist() == every.get_xdata().tolist() == [1]
    assert all(line.get_xdata().tolist() == [1, 5, 20] for line in others)


def test_figure_rollout_lacks_a_loss_that_diverges_at_once():
    rows = rollouts().to_pylist()
    gone = [
        row | {"median_error": float("inf")}
        for row in rows
        if (row["loss"], row["source"]) == ("state", "model")
    ]
    kept = [row for row in rows if (row["loss"], row["source"]) != ("state", "model")]
    first = figure_rollout(as_table("rollout", gone + kept)).axes[0].lines[0]
    assert len(first.get_xdata()) == 0


def test_figure_depth_has_every_seed():
    left, right = figure_depth(searched()).axes
    assert texts(left.get_legend().get_texts()) == ["Arm (expert)", "Leg (expert)"]
    np.testing.assert_allclose(right.lines[2].get_ydata(), [0.6, 0.7, 0.8])
    assert len(left.lines) == 2 * 3


def test_items_need_no_jax():
    modules = [f"figures.figure_{name}" for name in ("8", "a2_1", "rollout", "depth")]
    modules += ["tables.table_8", "tables.table_recovery", "tables.table_a2"]
    names = ", ".join(f"dynsparse.{name}" for name in modules)
    code = f"import sys, {names}; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
