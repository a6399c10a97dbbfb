"""Figures of the learning experiments, from planted measurements."""

import numpy as np
from learning_tables import FACTOR, LEARNERS, LOSSES, SEEDS, curves, rollouts, searched, sparsity

from dynsparse.figures.figure_8 import figure_8, relative_errors
from dynsparse.figures.figure_a2_1 import figure_a2_1
from dynsparse.figures.figure_a2_2 import figure_a2_2
from dynsparse.figures.figure_depth import figure_depth
from dynsparse.figures.figure_rollout import figure_rollout
from dynsparse.figures.figure_thresholds import figure_thresholds
from dynsparse.figures.learned import label
from dynsparse.learning.scoring.records import as_table
from dynsparse.tables.learned import select, trained


def texts(labels):
    return [each.get_text() for each in labels]


def shown(names=LEARNERS):
    return [label(name, LOSSES) for name in names]


def points(axes):
    return [line for line in axes.lines if line.get_marker() == "."]


def test_figure_8_has_a_box_per_learner_and_draws_models_without_zeros_at_the_floor():
    finished = select(trained(curves()), split="episode")
    np.testing.assert_allclose(relative_errors(finished, "state-jacobian", "state").mean(), 1.5)
    figure = figure_8(curves(), sparsity(), "episode", 1e-6, LOSSES, "state")
    left, right = figure.axes
    assert texts(left.get_xticklabels()) == texts(right.get_xticklabels()) == shown()
    assert "2 environments, split by episode" in figure.get_suptitle()
    assert texts(right.get_yticklabels())[0] == "none"
    # Two environments and two splits, of four seeds or one control.
    assert [len(line.get_ydata()) for line in points(left)] == [16] * 5 + [4] * 3
    medians = [np.median(line.get_ydata()) for line in points(left)]
    np.testing.assert_allclose(medians, list(FACTOR.values()), rtol=0.03)
    initial = [line for line in right.lines if line.get_label() == "initial"]
    assert initial[0].get_ydata()[0] == 1e-7


def test_figures_leave_failed_models_out():
    failed = {("Arm", "state", 2), *(("Leg", "state", seed) for seed in SEEDS)}
    tables = curves(failed), sparsity(failed)
    left, right = figure_8(*tables, "episode", 1e-6, LOSSES, "state").axes
    # Without a reference in an environment there are no relative errors in it.
    assert [len(line.get_ydata()) for line in points(left)] == [6, *[8] * 4, *[2] * 3]
    assert [len(line.get_ydata()) for line in points(right)] == [6, *[16] * 4, *[4] * 3]
    arm, leg = figure_a2_1(tables[0], "episode", LOSSES).axes
    np.testing.assert_allclose(arm.lines[0].get_ydata()[1], 0.25 * (1 + (1 + 3 + 4) / 300))
    assert (len(arm.lines), len(leg.lines)) == (8, 7)
    hollow, filled = figure_a2_2(tables[1], "episode", 0.1, LOSSES).axes[0].lines[:2]
    assert len(hollow.get_ydata()) == 6
    np.testing.assert_allclose(filled.get_ydata(), [0.6] * 6)
    share = figure_thresholds(tables[1], "episode", LOSSES).axes[0].lines[0]
    np.testing.assert_allclose(share.get_ydata(), [1e-4, 0.3])


def test_a_learner_looks_the_same_in_every_panel():
    # The first learner is missing in one panel.
    failed = {("Leg", "state", seed) for seed in SEEDS}
    for figure in (
        figure_a2_1(curves(failed), "episode", LOSSES),
        figure_thresholds(sparsity(failed), "episode", LOSSES),
        figure_rollout(rollouts(failed), "episode", LOSSES),
    ):
        looks = {
            (line.get_label(), line.get_color(), line.get_linestyle())
            for panel in figure.axes
            for line in panel.lines
            if line.get_label() in shown()
        }
        assert len({name for name, *_ in looks}) == len(looks) == len(LEARNERS)


def test_panels_per_environment_and_a_line_per_learner():
    for figure in (
        figure_a2_1(curves(), "sample", LOSSES),
        figure_a2_2(sparsity(), "sample", 1e-6, LOSSES),
    ):
        titles = [axes.get_title() for axes in figure.axes]
        assert titles == ["Arm (expert)", "Leg (expert)"]
    legend = figure_a2_1(curves(), "sample", LOSSES).legends[0]
    assert texts(legend.get_texts()) == shown()


def test_figure_thresholds_shows_precision_beside_the_base_rate():
    figure = figure_thresholds(sparsity(), "episode", LOSSES)
    _, right = figure.axes[:2]
    assert len(figure.axes) == 4
    np.testing.assert_allclose(right.lines[0].get_ydata(), 0.75)
    assert right.lines[-1].get_ydata()[0] == 0.5


def test_figure_rollout_has_controls():
    figure = figure_rollout(rollouts(), "episode", LOSSES)
    assert texts(figure.legends[0].get_texts()) == shown()
    assert texts(figure.axes[0].get_xticklabels()) == ["1", "5", "20"]
    nothing = figure_rollout(as_table("rollout", []), "episode", LOSSES)
    assert texts(nothing.axes[0].texts) == ["no test episodes, or none long enough"]


def test_a_line_of_figure_rollout_ends_where_a_seed_diverges():
    diverged = {("state", 2), *(("state-jacobian", seed) for seed in SEEDS)}
    some, every, *others = figure_rollout(rollouts(diverged), "episode", LOSSES).axes[0].lines
    assert some.get_xdata().tolist() == every.get_xdata().tolist() == [1]
    assert all(line.get_xdata().tolist() == [1, 5, 20] for line in others)


def test_figure_rollout_lacks_a_learner_that_diverges_at_once():
    rows = [
        row | ({"median_error": float("inf")} if row["learner"] == "state" else {})
        for row in rollouts().to_pylist()
    ]
    first = figure_rollout(as_table("rollout", rows), "episode", LOSSES).axes[0].lines[0]
    assert len(first.get_xdata()) == 0


def test_figure_depth_has_every_seed():
    left, right = figure_depth(searched()).axes
    assert texts(left.get_legend().get_texts()) == ["Arm (expert)", "Leg (expert)"]
    np.testing.assert_allclose(right.lines[2].get_ydata(), [0.6, 0.7, 0.8])
    assert len(left.lines) == 2 * 3
