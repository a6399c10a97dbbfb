"""The benchmark: tasks, scores of prediction files and of studies, cards, leaderboards."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from benchmark_fakes import DEFINITION, everything, write_files
from click.testing import CliRunner
from learning_fakes import section, settings

import dynsparse as ds
from dynsparse.benchmark import scoring
from dynsparse.benchmark.card import read_card
from dynsparse.benchmark.controls import control_cards
from dynsparse.benchmark.entries import read_entries
from dynsparse.benchmark.leaderboard import write_leaderboard
from dynsparse.benchmark.task import MOST_ROLLOUTS
from dynsparse.benchmark.task_files import definitions, make_task, read_task, shipped, write_task
from dynsparse.cli import main
from dynsparse.learning.data.preparation import Division, prepare
from dynsparse.learning.jobs.train import parts_of, recovery_rows
from dynsparse.learning.scoring import graph_scores
from dynsparse.learning.scoring.evaluation import make_evaluate, make_sizes
from dynsparse.learning.scoring.rollout_error import windows
from dynsparse.learning.training.epochs import create
from dynsparse.learning.training.history import History
from dynsparse.learning.training.run import Trained, measured
from dynsparse.precision import precision
from dynsparse.scores.recovery import Scored


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("slider"))


@pytest.fixture(scope="module")
def task(files):
    return make_task(DEFINITION, files)


@pytest.fixture(scope="module")
def cards(task):
    return {card.method: card for card in control_cards(task)}


def score(task, **arrays):
    return ds.Evaluator(task).score(arrays).scores


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def prepared_like(files):
    return prepare(files, section(evaluation={"samples": 10_000}), Division("episode", 0))


def test_the_parts_of_a_task_are_those_of_a_study(task, files):
    prepared = prepared_like(files)
    for ours, theirs in ((task.validation, prepared.validation), (task.test, prepared.test)):
        np.testing.assert_array_equal(ours.zero, theirs.zero)
        np.testing.assert_array_equal(ours.contact, theirs.contact)
        np.testing.assert_array_equal(ours.active, theirs.active)
        np.testing.assert_array_equal(ours.step, theirs.step)
        inputs = task.scaler.inputs(ours.inputs).astype(np.float32)
        np.testing.assert_allclose(inputs, theirs.inputs, rtol=1e-6, atol=1e-6)
    assert len(task.train.step) == len(prepared.split.train)
    assert not set(map(tuple, task.train.keys)) & set(map(tuple, task.asked.keys))


def test_a_task_is_the_same_from_its_file(task, files, tmp_path):
    path = tmp_path / "task.npz"
    write_task(task, path)
    again = read_task(path)
    assert again.about == task.about
    for name, values in task.episodes._asdict().items():
        np.testing.assert_array_equal(getattr(again.episodes, name), values)
    other = tmp_path / "other.npz"
    write_task(make_task(DEFINITION, files[::-1]), other)
    assert other.read_bytes() == path.read_bytes()


def test_tasks_are_made_of_their_own_data_alone(files):
    for changes, message in (
        ({"environment": "Hopper"}, "environment Hopper is needed, and the file of seed 0 has"),
        ({"solver": "converged"}, "solver converged is needed"),
        ({"seeds": (0, 2)}, r"files of seeds \(0, 2\) are needed"),
    ):
        with pytest.raises(ds.DynsparseError, match=message):
            make_task(DEFINITION._replace(**changes), files)


def test_the_mean_pattern_has_skill_0_and_the_truth_1(cards):
    assert cards["mean pattern"].scores["skill"] == 0
    oracle = cards["oracle"].scores
    for name in ("skill", "auroc", "average_precision", "exact_samples", "change_f1"):
        assert oracle[name] == 1
    assert oracle["brier"] == oracle["hamming_distance"] == 0
    # In the slider, contact decides: an oracle of contacts needs no more.
    assert cards["contact oracle"].scores["skill"] == 1
    assert cards["mean pattern"].scores["auroc"] == 0.5
    assert cards["nearest neighbours"].scores["skill"] > 0.5
    assert cards["nearest neighbours permuted"].scores["skill"] < 0.2


def test_a_card_is_the_same_from_the_dag_and_from_a_prediction_file(task, files, tmp_path):
    prepared = prepared_like(files)
    with precision("float32"):
        learner = create(settings(), 4, 3, (1,))
        evaluate, sizes = make_evaluate([1e-6]), make_sizes()
        row = measured(evaluate, learner, parts_of(prepared))
        trained = Trained(learner, learner, History(*(values[None] for values in row)))
        shared = {"environment": "Slider", "learner": "state"}
        inside = recovery_rows(shared, [None], prepared, trained, sizes)
        parts = [
            np.asarray(sizes.jacobian(learner, p)[0]) for p in (prepared.validation, prepared.test)
        ]
    evaluator, path = ds.Evaluator(task), tmp_path / "x.h5"
    influence = np.concatenate(parts)
    evaluator.write(path, {"influence": influence}, "network")
    outside = scoring.recovery_rows(task, influence)
    assert len(outside) == len(inside) > 0
    for ours, theirs in zip(outside, inside, strict=True):
        for name, value in ours.items():
            np.testing.assert_equal(theirs[name], value)
    scores = evaluator.score(path).scores
    micro = {
        row["elements"]: row
        for row in inside
        if (row["regime"], row["average"]) == ("all", "micro")
    }
    assert scores["auroc"] == micro["switching"]["auroc"]
    assert scores["average_precision"] == micro["switching"]["average_precision"]
    assert scores["hamming_distance"] == micro["all"]["hamming_distance"]
    assert scores["f1"] == micro["all"]["f1"]
    assert scores["skill"] == micro["all"]["skill"]


def test_a_change_means_the_same_as_in_a_study(task, files):
    assert scoring.LATE == graph_scores.LATE
    prepared = prepared_like(files)
    # Stretches of 50 consecutive samples leave nothing out here: an episode has 40.
    np.testing.assert_array_equal(prepared.running.step, task.test.step)
    rng = np.random.default_rng(2)
    influence = 2 * rng.random(task.asked.zero.shape) + ~task.asked.zero
    count, flat = len(task.validation.step), -influence.reshape(len(influence), -1)
    said = graph_scores.Said(Scored(flat[:count], flat[count:]), running=flat[count:])
    mean_pattern = graph_scores.mean_pattern_rows(prepared)
    rows = graph_scores.graph_rows(said, prepared, mean_pattern)
    (row,) = (row for row in rows if "change_f1" in row)
    found = score(task, influence=influence)
    for name in ("change_precision", "change_recall", "change_f1", "skill"):
        assert found[name] == row[name]
    assert 0 < found["change_f1"] < 1


@pytest.mark.parametrize("name", ["x.h5", "x.npz"])
def test_a_file_scores_as_the_same_arrays_do_in_any_order(task, tmp_path, name):
    evaluator, arrays = ds.Evaluator(task), everything(task)
    expected = evaluator.score(arrays, "mine", ["model-xml"])
    order = np.random.default_rng(1).permutation(len(task.asked.step))
    keys = dict(zip(("seed", "episode", "step"), task.asked.keys[order].T, strict=True))
    mixed = {k: v[::-1] if "rollout" in k else v[order] for k, v in arrays.items()}
    starts = ("rollout_seed", "rollout_episode", "rollout_step")
    keys |= dict(zip(starts, task.rollouts.keys[::-1].T, strict=True))
    evaluator.write(tmp_path / name, {**mixed, **keys}, "mine", ["model-xml"])
    found = evaluator.score(tmp_path / name)
    assert replace(found, predictions=None, scores={}) == replace(expected, scores={})
    assert found.scores == pytest.approx(expected.scores, nan_ok=True, abs=0)
    assert all(
        math.isfinite(value) for name, value in found.scores.items() if "jacobian" not in name
    )


def test_the_command_writes_the_card_that_python_gives(task, tmp_path):
    path, where, at = tmp_path / "x.h5", tmp_path / "task.npz", ("--task", tmp_path / "task.npz")
    write_task(task, where)
    evaluator = ds.Evaluator(task)
    evaluator.write(path, everything(task), "mine")
    checked = run("score", path, "--check", *at)
    assert checked.exit_code == 0, checked.output
    assert checked.output.startswith(
        f"{path}: fits task Slider-random-1: 160 rows of influence, edge"
    )
    assert not (tmp_path / "x.h5.json").exists()
    done = run("score", path, *at)
    assert done.exit_code == 0, done.output
    assert "skill over the mean pattern" in done.output
    card = read_card(tmp_path / "x.h5.json")
    assert card.scores == pytest.approx(evaluator.score(path).scores, nan_ok=True, abs=0)
    assert len(card.predictions) == 64


def test_predictions_of_the_next_state_and_of_jacobians(task, files):
    evaluator = ds.Evaluator(task, data=files)
    asked, count = task.asked, len(task.validation.step)
    right = np.zeros(asked.zero.shape)
    right[count:] = evaluator._jacobian
    assert ((np.abs(right) < 1e-12) == asked.zero)[count:].all()
    given = {"influence": right, "next_state": asked.next_state, "jacobian": right}
    scores = evaluator.score(given).scores
    assert scores["next_state_squared"] == scores["jacobian_squared"] == 0
    # One standard deviation off, everywhere.
    scale = task.scaler.output_scale
    wrong = {**given, "next_state": asked.next_state + scale}
    np.testing.assert_allclose(evaluator.score(wrong).scores["next_state_squared"], 1)
    per_unit = scale[:, None] / task.scaler.input_scale
    scores = evaluator.score({**given, "jacobian": right - per_unit}).scores
    np.testing.assert_allclose(scores["jacobian_squared"], 1)
    np.testing.assert_allclose(scores["jacobian_absolute"], 1)
    assert math.isnan(ds.Evaluator(task).score(given).scores["jacobian_squared"])


def test_predictions_in_open_loop(task):
    truth, influence = task.rollouts.truth, np.zeros(task.asked.zero.shape)
    right = score(task, influence=influence, rollout=truth)
    assert (right["rollout_median"], right["rollout_diverged"]) == (0, 0)
    off = score(task, influence=influence, rollout=truth + task.scaler.output_scale)
    np.testing.assert_allclose(off["rollout_median"], 1)
    lost = score(task, influence=influence, rollout=np.where(np.arange(3) == 1, np.inf, truth))
    assert math.isnan(lost["rollout_median"])
    assert lost["rollout_diverged"] == 1
    # Of the steps before the last one it is only asked that they are numbers.
    early = truth.copy()
    early[:, 0] += 9
    assert score(task, influence=influence, rollout=early)["rollout_median"] == 0
    early[:2, 0] = np.nan
    lost = score(task, influence=influence, rollout=early)
    assert lost["rollout_diverged"] == 2 / len(truth)


def test_open_loops_begin_where_a_study_has_them_begin(task, files):
    prepared = prepared_like(files)
    found, steps = task.rollouts, task.about.steps // 2
    given = windows(prepared.samples, prepared.split.test, steps, MOST_ROLLOUTS)
    assert len(found.keys) == len(given.state) == 42
    first = task.scaler.inputs(np.concatenate([found.state, found.action[:, 0]], axis=1))
    np.testing.assert_allclose(first[:, :3], given.state, rtol=1e-5, atol=1e-5)
    truth = task.scaler.outputs(found.truth)
    np.testing.assert_allclose(truth, given.truth, rtol=1e-5, atol=1e-5)
    assert (task.test.take(np.arange(3)).follows == [False, True, True]).all()


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_tasks_have_fifty_open_loops_of_a_hundred_steps(name):
    found = read_task(name).rollouts
    assert found.truth.shape[:2] == found.action.shape[:2] == (50, 100)
    assert (np.diff(found.keys[:, 2]) > 0).all()


def test_other_data_than_the_tasks_are_refused(task, tmp_path):
    (tmp_path / "other").mkdir()
    files = write_files(tmp_path / "other")
    with pytest.raises(ds.DynsparseError, match="was made from data"):
        ds.Evaluator(replace(task, about=task.about._replace(dataset="0" * 64)), data=files)


def test_live_a_function_is_scored_on_what_nobody_has_seen(cartpole_task):
    evaluator = ds.Evaluator(cartpole_task)
    seen = []

    def model(state, action):
        seen.append((state, action))
        return np.ones((len(state), *cartpole_task.about.shape))

    card = evaluator.live(model, seed=7, method="ones")
    ((state, action),) = seen
    count = len(cartpole_task.validation.step)
    np.testing.assert_array_equal(state[:count], cartpole_task.validation.state)
    assert state.shape == (count + 5, 4)
    assert np.isfinite(state).all()
    assert action.shape == (count + 5, 1)
    assert not np.isin(state[count:], cartpole_task.test.state).all(axis=1).any()
    assert (card.live, card.samples) == (7, 5)
    assert card.dataset != cartpole_task.about.dataset
    assert 0 < card.scores["hamming_distance"] < 20
    for seed, message in (
        (0, "seed 0 is one of task"),
        (-1, "seed: -1 should be a whole number"),
        *((large, "seed: .* should be at most 4294967295") for large in (2**32, 2**32 + 7, 10**30)),
    ):
        with pytest.raises(ds.DynsparseError, match=message):
            evaluator.live(model, seed=seed)


@pytest.fixture(scope="module")
def cartpole_task(tmp_path_factory):
    """A task of made-up data, as if of the simulator."""
    import api_fakes

    from dynsparse.dataset import BlockWriter

    provenance = json.dumps({"config": {"solver": "as_shipped"}})
    about = api_fakes.info(steps=5, provenance=provenance)
    arrays = api_fakes.planted(about)
    arrays["next_state"][:, :-1] = arrays["state"][:, 1:]
    path = tmp_path_factory.mktemp("cartpole") / "x.h5"
    with BlockWriter(path, about) as writer:
        writer.write(0, arrays)
        writer.finish()
    changes = {"environment": "CartpoleBalance", "seeds": (0,), "solver": "as_shipped"}
    return make_task(DEFINITION._replace(name="CartpoleBalance-random-1", **changes), [path])


def test_a_leaderboard_has_the_most_skilful_first(task, cards, tmp_path):
    for number, card in enumerate(cards.values()):
        card.save(tmp_path / f"{number}.json")
    write_task(task, tmp_path / "task.npz")
    done = run("leaderboard", tmp_path, "--task", tmp_path / "task.npz")
    assert done.exit_code == 0, done.output
    markdown = (tmp_path / "leaderboard.md").read_text()
    rows = [
        line.split(" | ")[0].removeprefix("| ") for line in markdown.splitlines() if "|" in line
    ]
    assert rows[2] in {"oracle", "contact oracle"}
    assert rows.index("mean pattern") > rows.index("nearest neighbours")
    page = (tmp_path / "leaderboard.html").read_text()
    assert page.count("<tr>") == len(cards) + 1
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_cards_of_other_data_are_apart(task, cards, tmp_path):
    card = cards["oracle"]
    card.save(tmp_path / "a.json")
    definition = task.about.definition._replace(solver="converged")  # which has a live mode
    task = replace(task, about=task.about._replace(definition=definition))
    replace(card, dataset="1" * 64, live=3, samples=40).save(tmp_path / "b.json")
    other = replace(task, about=task.about._replace(dataset="2" * 64))
    replace(card, dataset="2" * 64).save(tmp_path / "c.json")
    write_leaderboard(tmp_path, [task, other])
    assert not read_entries(tmp_path, [task, other]).refused
    text = (tmp_path / "leaderboard.md").read_text()
    assert text.count("\n## ") == 3
    assert "fresh episodes of seed 3" in text


def test_a_card_survives_its_file(cards, tmp_path):
    for card in cards.values():
        card.save(tmp_path / "x.json")
        again = read_card(tmp_path / "x.json")
        assert replace(again, scores={}) == replace(card, scores={})
        assert again.scores == pytest.approx(card.scores, nan_ok=True, abs=0)


def test_shipped_tasks_are_what_they_say():
    assert shipped()
    for name in shipped():
        task = read_task(name)
        assert task.about.definition == definitions()[name]
        assert task.test.zero.any()
        rows, columns = task.about.shape
        assert task.test.zero.shape == (len(task.test.step), rows, columns)
        mean = np.broadcast_to(1 - task.train.zero.mean(axis=0), task.asked.zero.shape)
        assert score(task, influence=mean)["skill"] == 0
        assert score(task, influence=~task.asked.zero)["skill"] == 1
