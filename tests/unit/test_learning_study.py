"""Jobs of a study on the slider: what they write, and that a killed search goes on."""

import numpy as np
import pyarrow.compute as pc
import pytest
from learning_fakes import STATE_NAMES, section, settings, slider_arrays, write_slider

from dynsparse.errors import DynsparseError
from dynsparse.learning import search as search_module
from dynsparse.learning.records import SCHEMAS
from dynsparse.learning.search import combinations, search
from dynsparse.learning.selection import healthy
from dynsparse.learning.settings import training_settings
from dynsparse.learning.study import train_models
from dynsparse.sparsity.parquet import metadata_of


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_slider(tmp_path_factory.mktemp("slider") / "a.h5")


@pytest.fixture(scope="module")
def job(path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    result = train_models([path], section(), "state-jacobian-l1-sparse-only", folder)
    assert list(folder.iterdir()) == []
    return result


def where(table, **values):
    for name, value in values.items():
        table = table.filter(pc.equal(table[name], value))
    return table.to_pylist()


def test_a_job_writes_every_kind_of_table(job):
    tables, weights = job
    assert {kind: table.schema.remove_metadata() for kind, table in tables.items()} == SCHEMAS
    for kind, table in tables.items():
        facts = metadata_of(table)
        assert facts["kind"] == f"learning_{kind}"
        assert facts["sources"] == ["Slider/random/seed-0"]
        # Windows of samples at random would run through those that were trained on.
        splits = {"episode"} if kind == "rollout" else {"episode", "sample"}
        assert set(table["split"].to_pylist()) == splits
        assert set(table["loss"].to_pylist()) == {"state-jacobian-l1-sparse-only"}
    # Two splits, two seeds, epochs 0 to 2; three dimensions; two thresholds.
    assert tables["curves"].num_rows == 12
    assert tables["dimensions"].num_rows == 36
    assert tables["sparsity"].num_rows == 24
    # Two seeds and the guess of no change, horizons 1 and 5: none is as long as 10,000.
    assert tables["rollout"].num_rows == 6
    assert {name: array.shape for name, array in weights.items() if "episode" in name} == {
        "episode..weights[0]": (2, 16, 4),
        "episode..weights[1]": (2, 16, 16),
        "episode..weights[2]": (2, 3, 16),
        "episode..biases[0]": (2, 16),
        "episode..biases[1]": (2, 16),
        "episode..biases[2]": (2, 3),
    }


def test_tables_of_a_job_agree_with_each_other(job):
    tables, _ = job
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
    sources = [(row["epoch"], row["source"]) for row in tables["recovery"].to_pylist()]
    assert set(sources) == {(0, "model"), (2, "model"), (2, "permuted")}
    scores = where(tables["recovery"], **who, elements="all", regime="all", average="micro")
    rates = [row["base_rate"] for row in scores]
    truths = [row["true_sparsity"] for row in where(tables["sparsity"], **who)]
    np.testing.assert_allclose(rates, truths[0])
    np.testing.assert_allclose(truths, truths[0])


def test_seeds_that_fail_are_marked_wherever_they_have_rows(path, tmp_path):
    training = {**section()["training"], "learning_rate": 1e6}
    tables, _ = train_models([path], section(training=training), "state", tmp_path)
    for kind in ("curves", "dimensions", "sparsity"):
        assert pc.unique(tables[kind]["failed_epoch"]).to_pylist() == [1]
        assert healthy(tables[kind]).num_rows == 0
    assert tables["recovery"].num_rows == 0
    assert where(tables["rollout"], source="model") == []


def test_units_of_dimensions_are_those_of_the_state(path, tmp_path):
    """A slider measured in millimetres has errors a thousand times as large."""
    arrays = slider_arrays(0, 4, 200)
    scaled = {name: 1000 * arrays[name] for name in ("state", "next_state")}
    other = write_slider(tmp_path / "b.h5", **scaled)
    both = [
        train_models([p], section(splits=["episode"], seeds=[1]), "state", tmp_path)[0][
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
