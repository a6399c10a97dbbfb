"""Jobs of a study on the slider: what they write, and that a killed search goes on."""

import dataclasses

import numpy as np
import pyarrow.compute as pc
import pytest
from learning_fakes import STATE_NAMES, section, settings, slider_arrays, write_slider

from dynsparse.errors import DynsparseError
from dynsparse.learning.data.preparation import Division, prepare
from dynsparse.learning.jobs import search as search_module
from dynsparse.learning.jobs.controls import score_controls
from dynsparse.learning.jobs.search import combinations, search
from dynsparse.learning.jobs.train import train_models
from dynsparse.learning.scoring.records import SCHEMAS
from dynsparse.learning.settings import training_settings
from dynsparse.scores.ranking import auroc
from dynsparse.storage.tables import metadata_of
from dynsparse.tables.learned import CONTROLS, healthy


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_slider(tmp_path_factory.mktemp("slider") / "a.h5")


@pytest.fixture(scope="module")
def job(path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    result = train_models([path], section(), "sparse", folder)
    assert list(folder.iterdir()) == []
    return result


def where(table, **values):
    for name, value in values.items():
        table = table.filter(pc.equal(table[name], value))
    return table.to_pylist()


@pytest.fixture(scope="module")
def controls(path):
    return score_controls([path], section())


def test_a_job_writes_every_kind_of_table(job):
    tables, weights, about = job
    assert {kind: table.schema.remove_metadata() for kind, table in tables.items()} == SCHEMAS
    for kind, table in tables.items():
        facts = metadata_of(table)
        assert facts["kind"] == f"learning_{kind}"
        assert facts["sources"] == ["Slider/random/seed-0"]
        # Windows of samples at random would run through those that were trained on.
        splits = {"episode"} if kind == "rollout" else {"episode", "sample"}
        assert set(table["split"].to_pylist()) == splits
        assert set(table["learner"].to_pylist()) == {"sparse"}
    # Two splits, two seeds, epochs 0 to 2; three dimensions; two thresholds.
    assert tables["curves"].num_rows == 12
    assert tables["dimensions"].num_rows == 36
    assert tables["sparsity"].num_rows == 24
    # Two seeds, horizons 1 and 5: none is as long as 10,000.
    assert tables["rollout"].num_rows == 4
    assert {name: array.shape for name, array in weights.items() if "episode-0" in name} == {
        "episode-0.model.weights[0]": (2, 16, 4),
        "episode-0.model.weights[1]": (2, 16, 16),
        "episode-0.model.weights[2]": (2, 3, 16),
        "episode-0.model.biases[0]": (2, 16),
        "episode-0.model.biases[1]": (2, 16),
        "episode-0.model.biases[2]": (2, 3),
        "episode-0.scaler.input_mean": (4,),
        "episode-0.scaler.input_scale": (4,),
        "episode-0.scaler.output_mean": (3,),
        "episode-0.scaler.output_scale": (3,),
    }
    assert about["state_names"] == list(STATE_NAMES)


def test_a_control_is_scored_wherever_a_network_is(job, controls):
    networks, _, _ = job
    for kind, table in controls.items():
        assert table.schema.remove_metadata() == SCHEMAS[kind]
        assert set(table["split"].to_pylist()) == set(networks[kind]["split"].to_pylist())
        assert set(table["learner"].to_pylist()) - {None} == set(CONTROLS)
    guesses = {row["source"] for row in where(controls["recovery"]) if row["learner"] is None}
    assert guesses == {"mean pattern", "contact oracle", "nearest neighbours"}


def test_controls_are_what_they_are_called(path, controls):
    prepared = prepare([path], section(), Division("episode", 0))
    train, test = prepared.samples.take(prepared.split.train), prepared.test
    inputs = np.column_stack([train.inputs, np.ones(len(train.inputs))])
    fit, *_ = np.linalg.lstsq(inputs, train.next_state, rcond=None)
    guess = np.column_stack([test.inputs, np.ones(len(test.inputs))]) @ fit
    wanted = {
        "linear": (guess, fit[:-1].T),
        "mean": (np.zeros_like(guess), np.zeros_like(fit[:-1].T)),
    }
    for name, (prediction, jacobian) in wanted.items():
        (row,) = where(controls["curves"], learner=name, split="episode")
        state = ((prediction - test.next_state) ** 2).mean()
        found = row["test_state_mse"], row["test_jacobian_mae"]
        # The ridge, and float32.
        np.testing.assert_allclose(found, (state, np.abs(jacobian - test.jacobian).mean()), 1e-4)
    facts = {"split": "episode", "elements": "all", "average": "micro", "regime": "all"}
    (mean,) = where(controls["recovery"], learner="mean", **facts)
    assert mean["auroc"] == 0.5
    (linear,) = where(controls["recovery"], learner="linear", **facts)
    sizes = np.broadcast_to(np.abs(fit[:-1].T).ravel(), (len(test.zero), 12)).reshape(-1, 1)
    expected = auroc(-sizes, test.zero.reshape(-1, 1))[0]
    np.testing.assert_allclose(linear["auroc"], expected, atol=1e-3)


def test_tables_of_a_job_agree_with_each_other(job):
    tables, _, _ = job
    who = {"split": "episode", "seed": 2, "epoch": 2}
    (curve,) = where(tables["curves"], **who)
    errors = where(tables["dimensions"], **who)
    assert tuple(row["dimension"] for row in errors) == STATE_NAMES
    mean = np.mean([row["normalised_rmse"] ** 2 for row in errors])
    np.testing.assert_allclose(mean, curve["test_state_mse"], rtol=1e-5)
    (begin,) = where(tables["curves"], **{**who, "epoch": 0})
    assert begin["training_loss"] is None
    assert curve["test_state_mse"] < begin["test_state_mse"]
    for row in where(tables["sparsity"], **who):
        assert 0 <= row["sparsity"] <= 1
        if row["precision"] is not None:
            shares = row["precision"] * row["sparsity"], row["recall"] * row["true_sparsity"]
            np.testing.assert_allclose(*shares, rtol=1e-6)
    assert pc.unique(tables["recovery"]["source"]).to_pylist() == ["model", "untrained", "permuted"]
    facts = {"elements": "all", "regime": "all", "average": "micro"}
    scores = where(tables["recovery"], split="episode", seed=2, source="model", **facts)
    rates = [row["base_rate"] for row in scores]
    truths = [row["true_sparsity"] for row in where(tables["sparsity"], **who)]
    np.testing.assert_allclose(rates, truths[0])
    np.testing.assert_allclose(truths, truths[0])


def test_seeds_that_fail_are_marked_wherever_they_have_rows(path, tmp_path):
    training = {**section()["training"], "learning_rate": 1e6}
    tables = train_models([path], section(training=training), "state", tmp_path).tables
    for kind in ("curves", "dimensions", "sparsity"):
        assert pc.unique(tables[kind]["failed_epoch"]).to_pylist() == [1]
        assert healthy(tables[kind]).num_rows == 0
    assert tables["recovery"].num_rows == 0
    assert tables["rollout"].num_rows == 0


def test_units_of_dimensions_are_those_of_the_state(path, tmp_path):
    """A slider measured in millimetres has errors a thousand times as large."""
    arrays = slider_arrays(0, 4, 200)
    scaled = {name: 1000 * arrays[name] for name in ("state", "next_state")}
    other = write_slider(tmp_path / "b.h5", **scaled)
    both = [
        train_models([p], section(splits={"episode": 1}, seeds=[1]), "state", tmp_path).tables[
            "dimensions"
        ]
        for p in (path, other)
    ]
    metres, millimetres = (np.array(table["rmse"].to_pylist()) for table in both)
    np.testing.assert_allclose(millimetres, 1000 * metres, rtol=0.02)


def test_a_search_trains_every_combination(path, tmp_path):
    grid = {"depth": [1, 2], "dropout": [0.0, 0.5]}
    assert len(list(combinations(grid))) == 4
    runs = {"runs": {"depth": grid}, "seeds": [1, 2], "training": {"epochs": 1}}
    table = search([path], section(search=runs), "depth", tmp_path)
    found = {(row["depth"], row["dropout"], row["seed"]) for row in table.to_pylist()}
    assert found == {(d, p, s) for d in (1, 2) for p in (0.0, 0.5) for s in (1, 2)}
    assert set(table["epochs"].to_pylist()) == {1}
    for column in ("validation_state_mse", "test_state_mse", "auroc"):
        assert None not in table[column].to_pylist()
    assert table["validation_state_mse"] != table["test_state_mse"]
    assert list(tmp_path.iterdir()) == []


def test_a_killed_search_goes_on(path, tmp_path, monkeypatch):
    whole = search([path], section(), "depth", tmp_path)
    trained, calls = search_module._trained, []

    def dies_at_the_second(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return trained(*arguments)

    monkeypatch.setattr(search_module, "_trained", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        search([path], section(), "depth", tmp_path)
    assert search([path], section(), "depth", tmp_path).equals(whole)
    assert len(calls) == 3


def test_a_learner_has_the_studys_training_but_for_epochs_of_its_own():
    own = section(learners={"state": {"architecture": "mlp", "loss": "state", "epochs": 7}})
    usual = training_settings(section(), "state")
    assert usual.epochs != 7
    assert training_settings(own, "state") == dataclasses.replace(usual, epochs=7)


def test_names_that_do_not_exist(path, tmp_path):
    with pytest.raises(DynsparseError, match="'dept' is not listed; did you mean 'depth'"):
        search([path], section(), "dept", tmp_path)
    with pytest.raises(DynsparseError, match="'stat' is not listed; did you mean 'state'"):
        training_settings(section(), "stat")
    with pytest.raises(DynsparseError, match="'widht' is no setting .* did you mean 'width'"):
        settings(widht=3)


def test_settings_that_differ_have_different_digests():
    assert settings().digest() == settings().digest()
    assert settings(width=17).digest() != settings().digest() != settings(batch=3).digest()


def test_networks_that_are_tested_elsewhere_are_the_same_networks(path, tmp_path):
    others = [
        write_slider(tmp_path / f"{kind}.h5", 1, behaviour=kind) for kind in ("half", "expert")
    ]
    asked = section(splits={"half": 1, "expert": 1})
    tables, weights, _ = train_models([path, *others], asked, "state", tmp_path)
    sources = ["Slider/random/seed-0", "Slider/half/seed-1", "Slider/expert/seed-1"]
    assert metadata_of(tables["rollout"])["sources"] == sources
    assert set(tables["rollout"]["behaviour"].to_pylist()) == {"random"}
    half, expert = (where(tables["curves"], split=kind) for kind in ("half", "expert"))
    # The files of the two others differ in nothing but their name.
    assert half == [{**row, "split": "half"} for row in expert]
    for name, values in weights.items():
        np.testing.assert_array_equal(values, weights[name.replace("half", "expert")])
    found = score_controls([path, *others], asked)
    assert set(found["recovery"]["split"].to_pylist()) == {"half", "expert"}
