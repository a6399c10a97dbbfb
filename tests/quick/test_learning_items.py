"""Tables of the learning experiments, from planted measurements."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from learning_fakes import section
from learning_tables import (
    LEARNERS,
    LOSSES,
    NUMBERS,
    SEEDS,
    TWINS,
    curves,
    recovery,
    rollouts,
    searched,
    sparsity,
)
from matplotlib.backends.backend_agg import FigureCanvasAgg

from dynsparse.errors import DynsparseError
from dynsparse.figures.figure_8 import figure_8
from dynsparse.figures.figure_a2_1 import figure_a2_1
from dynsparse.figures.figure_a2_2 import figure_a2_2
from dynsparse.figures.figure_rollout import figure_rollout
from dynsparse.figures.figure_thresholds import figure_thresholds
from dynsparse.figures.learned import looks
from dynsparse.tables.learned import networks, select
from dynsparse.tables.table_8 import EVERYWHERE, table_8
from dynsparse.tables.table_8_pairs import table_8_pairs
from dynsparse.tables.table_a2 import PUBLISHED, Rank, read_ranks, read_setup, table_a2_1
from dynsparse.tables.table_a2 import table_a2_ranks as ranks
from dynsparse.tables.table_recovery import table_recovery
from dynsparse.tables.table_rollout import table_rollout


def rows_of(table, **values):
    return [row for row in table.to_pylist() if all(row[name] == v for name, v in values.items())]


def test_table_8_has_means_over_splits_and_names_failures():
    failed = {("Arm", "state", 2)}
    table = table_8(curves(failed), sparsity(failed), 1e-6, "state")
    (row,) = rows_of(table, split="episode", environment="Arm", learner="state")
    assert (row["policies"], row["splits"], row["seeds"], row["failed"]) == (2, 2, 4, 2)
    assert row["failures"] == "split 0: seed 2 in epoch 1; split 1: seed 2 in epoch 1"
    easy = 0.1 * (1 + (1 + 3 + 4) / 300)
    found = [row[f"state_mse{end}"] for end in ("_lowest", "", "_highest")]
    np.testing.assert_allclose(found, [easy, 2.5 * easy, 4 * easy])
    # Two policies are no five: there is a range and no interval.
    assert row["state_mse_low"] is row["state_mse_high"] is None
    assert (row["chosen_epoch"], row["still_improving"]) == (1, 0)
    assert row["relative_sparsity_initial"] == 0
    np.testing.assert_allclose(row["relative_sparsity"], 2e-4)
    (linear,) = rows_of(table, split="episode", environment="Arm", learner="linear")
    np.testing.assert_allclose(linear["state_mse"], 2.5 * 0.08)
    assert (linear["seeds"], linear["chosen_epoch"]) == (0, None)
    (everywhere,) = rows_of(table, split="episode", environment=EVERYWHERE, learner="state")
    assert (everywhere["failed"], everywhere["state_mse"]) == (2, 1)
    (worse,) = rows_of(table, split="episode", environment=EVERYWHERE, learner="state-jacobian")
    # 1.5 times as large as under `state` in both environments, whatever their level.
    np.testing.assert_allclose(worse["state_mse"], 1.5, rtol=0.01)


@pytest.mark.parametrize(("late", "improving"), [(0.94, 8), (0.96, 0), (1.5, 0), (np.nan, 0)])
def test_a_network_still_improves_if_its_last_tenth_finds_something_better(late, improving):
    """Epoch 2 is the last tenth; 5 % is what counts. Two splits of four seeds."""
    table = curves()
    epoch, before = (table[name].to_numpy() for name in ("epoch", "test_state_mse"))
    best = np.where(epoch == 2, late * before.min(), np.where(epoch == 1, before.min(), 50.0))
    at = table.column_names.index("validation_state_mse")
    table = table.set_column(at, table.field(at), pa.array(best))
    (row,) = rows_of(
        table_8(table, sparsity(), 1e-6, "state"),
        split="episode",
        environment="Arm",
        learner="state",
    )
    assert (row["seeds"], row["splits"], row["still_improving"]) == (4, 2, improving)


def test_networks_are_held_against_the_state_loss_and_controls():
    table = table_8_pairs(curves(), sparsity(), recovery(), rollouts(), "state")
    wanted = {"split": "episode", "environment": "Arm", "learner": "state-jacobian-l1"}
    (row,) = rows_of(table, **wanted, measure="state_mse", against="state")
    found = [row[f"ratio{end}"] for end in ("", "_lowest", "_highest")]
    np.testing.assert_allclose(found, 0.5)
    # Both splits say the same; with two it remains open.
    assert (row["units"], row["below"]) == (2, 2)
    assert row["ratio_low"] is row["p_value"] is None
    (row,) = rows_of(table, **wanted, measure="open_loop", at=20, against="linear")
    np.testing.assert_allclose(row["ratio"], 0.5 / 0.8)
    (row,) = rows_of(table, **wanted, measure="open_loop", at=20, against="mean")
    np.testing.assert_allclose(row["ratio"], 0.5 / 5)
    assert {row["against"] for row in rows_of(table, measure="relative_sparsity")} == {"state"}
    assert "linear" in {row["against"] for row in rows_of(table, learner="state")}
    (all_of,) = rows_of(
        table, **{**wanted, "environment": EVERYWHERE}, measure="state_mse", against="state"
    )
    assert (all_of["units"], all_of["below"], all_of["behaviour"]) == (2, 2, None)


def test_five_policies_and_five_splits_have_intervals(monkeypatch):
    monkeypatch.setitem(NUMBERS, "episode", (0, 1, 2, 3, 4))
    monkeypatch.setattr("learning_tables.HARDER", dict.fromkeys(range(5), 1.0) | {0: 3.0})
    for policies, open_question in ((4, True), (5, False)):
        made = {"policies": policies}
        planted = curves(**made), sparsity(**made)
        (row,) = rows_of(
            table_8(*planted, 1e-6, "state"), split="episode", environment="Arm", learner="state"
        )
        assert (row["state_mse_low"] is None) == open_question
        pairs = table_8_pairs(*planted, recovery(**made), rollouts(**made), "state")
        wanted = {"split": "episode", "environment": "Arm", "measure": "state_mse"}
        (row,) = rows_of(pairs, **wanted, learner="state-jacobian", against="state")
        assert (row["p_value"] is None) == open_question
    np.testing.assert_allclose([row["ratio_low"], row["ratio_high"]], 1.5)
    # All five differences have one sign: 2 of 32 sign patterns.
    np.testing.assert_allclose(row["p_value"], 2 / 32)
    # Two environments are two units, however many splits they have.
    (row,) = rows_of(
        pairs,
        **{**wanted, "environment": EVERYWHERE},
        learner="state-jacobian",
        against="state",
    )
    assert row["p_value"] is None


def test_failed_seeds_leave_the_others_of_their_split():
    failed = {("Arm", "state", 2)}
    table = table_8_pairs(curves(failed), sparsity(failed), recovery(), rollouts(), "state")
    (row,) = rows_of(
        table,
        split="sample",
        environment="Arm",
        measure="state_mse",
        learner="state-jacobian",
        against="state",
    )
    other, own = (np.log([1 + k / 100 for k in kept]).mean() for kept in ((1, 3, 4), SEEDS))
    np.testing.assert_allclose(row["ratio"], 1.5 * np.exp(own - other))


def test_table_recovery_puts_controls_and_guesses_beside_networks():
    rows = rows_of(table_recovery(recovery(), TWINS), split="episode", environment="Leg")
    assert [row["guess"] for row in rows] == [
        "untrained",
        *LEARNERS,
        *(f"{loss}, samples permuted" for loss in LOSSES),
        "mean pattern",
    ]
    by_guess = {row["guess"]: row for row in rows}
    state = by_guess["state"]
    assert (state["splits"], state["seeds"], state["base_rate"]) == (2, 4, 0.25)
    # Two and a half hundredths by seed, and nothing or a tenth by split.
    found = [state[f"auroc{end}"] for end in ("_lowest", "", "_highest")]
    np.testing.assert_allclose(found, [0.525, 0.575, 0.625])
    assert state["auroc_low"] is state["f1"] is None
    # Untrained networks are the same under every loss: they count once.
    assert (by_guess["untrained"]["seeds"], by_guess["untrained"]["auroc"]) == (4, state["auroc"])
    assert (by_guess["linear"]["seeds"], by_guess["mean pattern"]["seeds"]) == (0, 0)


def test_table_rollout_has_every_learner_and_number_of_steps():
    table = table_rollout(rollouts({("state", 2)}))
    (row,) = rows_of(table, environment="Arm", learner="linear", steps=20)
    np.testing.assert_allclose([row["median_error"], row["median_error_highest"]], 1.6)
    diverged = [row["median_error"] for row in rows_of(table, environment="Arm", learner="state")]
    assert diverged[0] is not None and diverged[1:] == [None, None]
    assert {row["learner"] for row in table.to_pylist()} == set(LEARNERS)


def test_a_learner_that_nobody_has_heard_of_is_shown():
    def renamed(table):
        names = [
            "my-own" if name == "state-jacobian" else name for name in table["learner"].to_pylist()
        ]
        place = table.column_names.index("learner")
        return table.set_column(place, "learner", pa.array(names))

    tables = [renamed(table) for table in (curves(), sparsity(), recovery(), rollouts())]
    made = [
        table_8(*tables[:2], 1e-6, "state"),
        table_8_pairs(*tables, "state"),
        table_rollout(tables[3]),
    ]
    for table in made:
        assert "my-own" in set(table["learner"].to_pylist())
    assert "my-own" in set(table_recovery(tables[2], TWINS)["guess"].to_pylist())
    assert networks(tables[0])[1] == "my-own"
    assert looks(tables[0], LOSSES)["my-own"].label == "my-own"


def shuffled(table, rng):
    """Rows in another order within each file, which holds one network, or all controls."""
    files = [select(table, learner=name) for name in networks(table)]
    kinds = np.array([name in networks(table) for name in table["learner"].to_pylist()])
    controls = table.filter(pa.array(~kinds))
    parts = [part for part in [*files, controls] if part.num_rows]
    return pa.concat_tables([part.take(rng.permutation(part.num_rows)) for part in parts])


def pixels(figure):
    """What is drawn, without the time that its layout takes."""
    figure.set_layout_engine("none")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return bytes(canvas.buffer_rgba())


def test_items_do_not_depend_on_the_order_of_rows_in_a_file():
    tables = curves(), sparsity(), recovery(), rollouts()
    rng = np.random.default_rng(0)

    def items(curves, sparsity, recovery, rollout):
        yield table_8(curves, sparsity, 0.1, "state").to_pylist()
        yield table_8_pairs(curves, sparsity, recovery, rollout, "state").to_pylist()
        yield table_recovery(recovery, TWINS).to_pylist()
        yield table_rollout(rollout).to_pylist()
        figures = [
            figure_8(curves, sparsity, "episode", 0.1, LOSSES, "state"),
            figure_a2_1(curves, "episode", LOSSES),
            figure_a2_2(sparsity, "episode", 0.1, LOSSES),
            figure_rollout(rollout, "episode", LOSSES),
            figure_thresholds(sparsity, "episode", LOSSES),
        ]
        yield from map(pixels, figures)

    first = list(items(*tables))
    again = items(*(shuffled(table, rng) for table in tables))
    for one, other in zip(first, again, strict=True):
        assert one == other


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


def test_the_setup_names_learners_that_are_not_the_papers_network():
    mine = {
        **section()["learners"],
        "wide": {"architecture": "mlp", "loss": "state", "width": 99},
    }
    study = section(learners=mine, environments=["Slider"])
    rows = {row["setting"]: row["value"] for row in table_a2_1(study, 4, {}).to_pylist()}
    assert (rows["architecture"], rows["losses"]) == ("mlp", "state, state-jacobian-l1-sparse-only")
    assert rows["learner wide"] == "architecture mlp, loss state, width 99"
    assert "learner sparse" in rows
    assert "learner state" not in rows


def test_errors_are_relative_to_the_reference_of_the_study():
    wanted = {"split": "episode", "environment": EVERYWHERE}
    other = "state-jacobian-l1"
    table = table_8(curves(), sparsity(), 1e-6, other)
    (row,) = rows_of(table, **wanted, learner="state")
    np.testing.assert_allclose(row["state_mse"], 2.0)
    pairs = table_8_pairs(curves(), sparsity(), recovery(), rollouts(), other)
    assert {row["against"] for row in pairs.to_pylist()} == {other, "linear", "mean"}
    axes = figure_8(curves(), sparsity(), "episode", 1e-6, ["state"], other).axes[0]
    assert axes.get_ylabel() == f"next-state error, relative to {other}"
    axes = figure_8(curves(), sparsity(), "episode", 1e-6, ["state"], "state").axes[0]
    assert axes.get_ylabel() == "next-state error, relative to MSE(s)"


def test_only_the_papers_network_goes_by_the_papers_labels():
    shown = looks(curves(), ["state-jacobian"])
    assert list(shown) == list(LEARNERS)
    labels = {name: look.label for name, look in shown.items()}
    assert labels["state-jacobian"] == "+ MSE(J)"
    assert labels["state"] == "state"
    assert labels["persistence"] == "no change"


def test_networks_that_differ_untrained_have_rows_of_their_own():
    groups = [["state", "state-jacobian"], list(LOSSES[2:])]
    rows = rows_of(table_recovery(recovery(), groups), split="episode", environment="Leg")
    guesses = [row["guess"] for row in rows]
    assert guesses[:2] == ["state, untrained", "state-jacobian-l1, untrained"]
    assert [row["seeds"] for row in rows[:2]] == [4, 4]
    assert "untrained" not in guesses


def test_malformed_published_tables(tmp_path):
    (tmp_path / "a.csv").write_text("table,value\n3,1\n")
    with pytest.raises(DynsparseError, match=r"a\.csv: should have the columns table, value"):
        read_ranks(tmp_path / "a.csv")
    with pytest.raises(DynsparseError, match="should have the columns setting"):
        read_setup(tmp_path / "a.csv")


def test_items_need_no_jax():
    modules = [f"figures.figure_{name}" for name in ("8", "a2_1", "rollout", "depth")]
    modules += [
        "tables.table_8",
        "tables.table_8_pairs",
        "tables.table_recovery",
        "tables.table_a2",
    ]
    names = ", ".join(f"dynsparse.{name}" for name in modules)
    code = f"import sys, {names}; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
