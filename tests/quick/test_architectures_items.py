"""Tables and figures of architectures and of what a graph is worth, from planted measurements."""

import numpy as np
import pyarrow as pa
import pytest
from learning_tables import FACTOR, LOSSES, curves, recovery, rollouts

from dynsparse.figures.figure_architectures import figure_architectures
from dynsparse.figures.figure_value import figure_value
from dynsparse.figures.figure_wrong_edges import figure_wrong_edges, lines_of
from dynsparse.learning.learners import NOTHING, series_of, told
from dynsparse.tables.learned import select
from dynsparse.tables.table_architectures import table_architectures
from dynsparse.tables.table_value import table_value

MASKED = {"architecture": "masked", "loss": "state", "mask": "ones", "shut": True, "bits": False}
MASKED |= {"miss": 0.0, "false_alarm": 0.0}
# The planted learners, under other descriptions: two masks, each with two numbers of samples.
SECTION = {
    "learners": {
        "state": {**MASKED, "samples": 10},
        "state-jacobian": {**MASKED, "samples": 20},
        "state-jacobian-l1": {**MASKED, "samples": 10, "mask": "oracle"},
        "state-jacobian-l1-regularizer": {**MASKED, "samples": 20, "mask": "oracle"},
        "state-jacobian-l1-sparse-only": {**MASKED, "mask": "oracle", "miss": 0.1},
    }
}
TOLD = dict.fromkeys(LOSSES, "something")


def with_graphs(table):
    """Measurements of graphs beside those of ``recovery``: skill, and exact zeros."""
    skill = [None if row["seed"] is None else row["seed"] / 10 for row in table.to_pylist()]
    for name, values in (("skill", skill), ("exact_precision", [0.75] * len(skill))):
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, pa.float64()))
    return table


def rows_of(table, **values):
    return [row for row in table.to_pylist() if all(row[name] == v for name, v in values.items())]


def test_architectures_stand_with_what_they_find_and_were_told():
    table = table_architectures(curves(), with_graphs(recovery()), rollouts(), TOLD)
    (row,) = rows_of(table, split="episode", environment="Arm", learner="state-jacobian")
    # Two splits and four seeds: 1 to 4 percent above 0.15 and 0.6.
    assert (row["networks"], row["told"], row["scored_by"]) == (8, "something", "model")
    ends = [row[f"state_mse{end}"] for end in ("_lowest", "", "_highest")]
    np.testing.assert_allclose(ends, [0.15 * 1.01, 0.375 * 1.025, 0.6 * 1.04])
    np.testing.assert_allclose([row["skill"], row["skill_highest"]], [0.25, 0.4])
    np.testing.assert_allclose(row["open_loop"], 1.5 * 20 / 10)
    assert (row["exact_precision"], row["change_f1"]) == (0.75, None)
    guesses = rows_of(table, split="episode", environment="Arm", scored_by="guess")
    assert [guess["learner"] for guess in guesses] == ["mean pattern"]
    assert guesses[0]["state_mse"] is None


def test_a_failed_network_is_in_no_mean():
    failed = {("Arm", "state", 2)}
    table = table_architectures(curves(failed), with_graphs(recovery()), rollouts(), TOLD)
    (row,) = rows_of(table, split="sample", environment="Arm", learner="state")
    np.testing.assert_allclose(row["state_mse"], 0.1 * (1 + (1 + 3 + 4) / 300))


def test_masks_are_held_against_the_same_network_without():
    table = table_value(curves(), recovery(), rollouts(), SECTION)
    (row,) = rows_of(table, split="episode", environment="Leg", learner="state-jacobian-l1")
    assert (row["mask"], row["samples"], row["networks"]) == ("mask oracle", 10, 8)
    ends = [row[f"state_mse_ratio{end}"] for end in ("_lowest", "", "_highest")]
    np.testing.assert_allclose(ends, FACTOR["state-jacobian-l1"])
    (row,) = rows_of(
        table, split="episode", environment="Leg", learner="state-jacobian-l1-regularizer"
    )
    np.testing.assert_allclose(row["open_loop_ratio"], 2.0 / 1.5)
    # All samples, and nobody to compare with.
    (row,) = rows_of(
        table, split="episode", environment="Leg", learner="state-jacobian-l1-sparse-only"
    )
    assert (row["mask"], row["samples"]) == ("mask oracle, miss 0.1", None)
    np.testing.assert_allclose(row["state_mse_ratio"], 1)


def test_a_mask_has_a_line_over_its_numbers_of_samples():
    figure = figure_value(curves(), "episode", SECTION)
    panel = figure.axes[0]
    assert [line.get_label() for line in panel.lines] == ["mask ones", "mask oracle"]
    line = panel.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [10, 20])
    np.testing.assert_allclose(line.get_ydata(), np.array([0.25, 0.375]) * 1.025)


ORACLE = {**MASKED, "samples": 10, "mask": "oracle"}
WRONG = {
    "model": {},
    "learners": {
        "state": {**MASKED, "samples": 10},
        "state-jacobian": {**ORACLE, "miss": 0.2},
        "state-jacobian-l1": ORACLE,
        "state-jacobian-l1-regularizer": {**ORACLE, "miss": 0.05},
        "state-jacobian-l1-sparse-only": {**ORACLE, "false_alarm": 0.1},
    },
}


def test_wrong_edges_have_a_line_of_each_kind_from_the_true_graph_on():
    figure = figure_wrong_edges(curves(), recovery(), rollouts(), "episode", WRONG)
    assert [axes.get_title() for axes in figure.axes] == [
        f"{name} (expert), {what}"
        for what in ("after one step", "in open loop")
        for name in ("Arm", "Leg")
    ]
    for axes in figure.axes:
        no_mask, misses, true, alarms, _ = axes.lines
        assert list(no_mask.get_ydata()) == [1, 1]
        assert misses.get_label() == "misses, 10 samples"
        np.testing.assert_array_equal(misses.get_xdata(), [0, 0.05, 0.2])
        np.testing.assert_allclose(misses.get_ydata(), [0.5, 2, 1.5])
        np.testing.assert_array_equal(alarms.get_xdata(), [0, 0.1])
        np.testing.assert_allclose(alarms.get_ydata(), [0.5, 1])
        np.testing.assert_allclose([true.get_xdata()[0], true.get_ydata()[0]], [0, 0.5])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["no mask", "misses, 10 samples", "the true graph", "false alarms, 10 samples"]


def test_networks_that_fail_or_diverge_leave_no_point():
    failed = {("Arm", "state-jacobian", seed) for seed in (1, 2, 3, 4)}
    diverged = {("state-jacobian-l1-regularizer", 1)}
    axes = figure_wrong_edges(curves(failed), recovery(), rollouts(diverged), "episode", WRONG).axes
    shown = [list(each.lines[1].get_xdata()) for each in axes]
    assert shown == [[0, 0.05], [0, 0.05, 0.2], [0, 0.2], [0, 0.2]]


def test_wrong_edges_need_a_network_without_a_mask_beside_them():
    others = {k: v for k, v in WRONG["learners"].items() if k != "state"}
    assert lines_of({"model": {}, "learners": others}) == []
    both = {**ORACLE, "miss": 0.1, "false_alarm": 0.1}
    found = lines_of({**WRONG, "learners": {**WRONG["learners"], "both": both}})
    assert [list(line.learners) for line in found] == [[0, 0.05, 0.2], [0, 0.1]]


def test_each_network_has_a_mark():
    figure = figure_architectures(curves(), with_graphs(recovery()), "episode", LOSSES)
    panel = figure.axes[0]
    marks = [line for line in panel.lines if line.get_marker() != "None"]
    assert [line.get_label() for line in marks][:2] == ["MSE(s)", "+ MSE(J)"]
    assert len({(line.get_marker(), line.get_color()) for line in marks}) == len(LOSSES)
    np.testing.assert_allclose(np.sort(marks[0].get_xdata()), np.repeat([0.1, 0.2, 0.3, 0.4], 2))
    np.testing.assert_allclose(min(marks[0].get_ydata()), 0.1 * 1.01)


def test_a_failed_network_has_no_mark():
    scores = recovery().to_pylist()
    kept = [row["learner"] != "state" or row["seed"] != 2 for row in scores]
    there = with_graphs(recovery()).filter(pa.array(kept))
    failed = {(environment, "state", 2) for environment in ("Arm", "Leg")}
    panel = figure_architectures(curves(failed), there, "episode", LOSSES).axes[0]
    assert len(panel.lines[0].get_xdata()) == 6
    assert select(there, learner="state", seed=2).num_rows == 0


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        ({"architecture": "mlp", "loss": "state"}, NOTHING),
        ({"architecture": "switching", "loss": "state"}, NOTHING),
        ({"architecture": "mlp", "loss": "state-jacobian-l1"}, "Jacobians in training"),
        ({"architecture": "taught", "loss": "state"}, "zeros in training"),
        ({**MASKED, "mask": "oracle"}, "true zeros in tests"),
        (MASKED, NOTHING),
        (
            {**MASKED, "loss": "state-jacobian-l1-sparse-only", "mask": "structural"},
            "zeros in training; the model's file",
        ),
    ],
)
def test_what_a_learner_was_told(learner, words):
    assert told({"learners": {"mine": learner}}, "mine") == words


def test_a_mask_that_is_only_told_is_called_so():
    section = {"learners": {"mine": {**MASKED, "shut": False, "bits": True}}}
    assert series_of(section)["mine"].label == "mask ones, not shut, told"
