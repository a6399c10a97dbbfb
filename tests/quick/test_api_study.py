"""A study's folder: its cases, tables and figures, and nothing that lies outside it."""

import shutil

import api_fakes
import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

import dynsparse as ds
from dynsparse.storage.tables import write_table
from dynsparse.tables.writing import write_item


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study of two seeds with its merged statistics, and one table."""
    folder = tmp_path_factory.mktemp("results") / "micro"
    api_fakes.write_study(folder)
    study = ds.load(folder)
    found = ds.zeros(study["CartpoleBalance", "random"])
    for kind in ("elements", "steps", "durations"):
        path = folder / f"merged/CartpoleBalance/random/{kind}.parquet"
        write_table(getattr(found, kind), path)
    return folder


def test_a_folder_is_a_study_with_cases_and_episodes(made):
    study = ds.load(made)
    assert isinstance(study, ds.Study)
    assert study.cases == [("CartpoleBalance", "random", seed) for seed in (0, 1)]
    assert [episode.case.seed for episode in study.episodes] == [0] * 4 + [1] * 4
    assert len(study["CartpoleBalance", "random"]) == 8
    assert study.config["study"] == "micro"
    assert "2 datasets" in repr(study)
    with pytest.raises(ds.DynsparseError, match="did you mean 'CartpoleBalance random'"):
        study["CartpoleBalance", "expert"]


def test_a_figure_is_made_from_the_studys_tables_alone(made, tmp_path):
    copy = tmp_path / "micro"
    shutil.copytree(made, copy)
    shutil.rmtree(copy / "data")
    figure = ds.load(copy).make("figure_5")
    assert type(figure).__module__ == "matplotlib.figure"
    assert figure.get_axes()
    per_case = ds.load(copy).make("figure_3", "CartpoleBalance", "random")
    assert type(per_case).__module__ == "matplotlib.figure"


def test_a_table_is_made_and_read_as_pandas(made, tmp_path):
    copy = tmp_path / "micro"
    shutil.copytree(made, copy)
    study = ds.load(copy)
    table = study.make("table_1")
    assert isinstance(table, pa.Table)
    with pytest.raises(ds.DynsparseError, match="no such file; `snakemake table_1` makes it"):
        study.table("table_1")
    write_item(table, str(copy / "tables/table_1.parquet"))
    frame = study.table("table_1")
    assert type(frame).__module__.startswith("pandas")
    assert list(frame.environment) == ["CartpoleBalance"]
    (copy / "tables/table_1.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(ds.DynsparseError, match=r"table_1.parquet: not a whole Parquet file"):
        study.table("table_1")


def test_what_is_no_item_gets_the_nearest(made):
    study = ds.load(made)
    with pytest.raises(ds.DynsparseError, match="did you mean 'table_1'"):
        study.table("table1")
    with pytest.raises(ds.DynsparseError, match="'../config' does not exist"):
        study.table("../config")
    with pytest.raises(ds.DynsparseError, match="did you mean 'figure_5'"):
        study.make("figur_5")
    with pytest.raises(ds.DynsparseError, match="has no case"):
        study.make("figure_3")
    with pytest.raises(ds.DynsparseError, match="nothing to make figure_depth from"):
        study.make("figure_depth")
    with pytest.raises(ds.DynsparseError, match="no world models were trained"):
        study.world_model("CartpoleBalance", "state")


@pytest.mark.parametrize(
    "name",
    [
        "data/CartpoleBalance/random/seed-0.h5",
        "merged/CartpoleBalance/random/steps.parquet",
        "config.yaml",
    ],
)
def test_a_link_does_not_lead_out_of_the_folder(made, tmp_path, name):
    copy, outside = tmp_path / "study/micro", tmp_path / "outside"
    shutil.copytree(made, copy)
    (copy / name).rename(outside)
    (copy / name).symlink_to(outside)
    with pytest.raises(ds.DynsparseError, match="leads out of"):
        study = ds.load(copy)
        study.make("figure_5")
        study["CartpoleBalance", "random"]


def test_a_linked_folder_does_not_lead_out_either(made, tmp_path):
    copy = tmp_path / "study/micro"
    shutil.copytree(made, copy)
    (copy / "data").rename(tmp_path / "elsewhere")
    (copy / "data").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(ds.DynsparseError, match="leads out of"):
        ds.load(copy)["CartpoleBalance", "random"]


def test_a_table_that_claims_more_than_any_has_is_not_read(made, tmp_path, monkeypatch):
    """A million equal values take few bytes."""
    copy, rows = tmp_path / "study/micro", pa.table({"a": np.zeros(2**20), "b": np.ones(2**20)})
    shutil.copytree(made, copy)
    monkeypatch.setattr("dynsparse.api.study.MOST_VALUES", 2**20)
    study = ds.load(copy)
    study.make("figure_5")
    for name in ("tables/table_1.parquet", "merged/CartpoleBalance/random/steps.parquet"):
        (copy / name).parent.mkdir(exist_ok=True)
        parquet.write_table(rows, copy / name)
        assert (copy / name).stat().st_size < 2**15
    for ask in (lambda: study.table("table_1"), lambda: study.make("figure_5")):
        with pytest.raises(ds.DynsparseError, match=r"parquet: claims 2,097,152 values, and is no"):
            ask()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[1, 2]", "it is no mapping"),
        ("environments: {'../../etc': {behaviours: [random]}}", "letters and digits only"),
        ("environments: {A: {behaviours: ['../x']}}", "letters and digits only"),
        ("environments: {A: random}", "behaviours is no list"),
        ("seeds: ['0/../..']", "seeds is no list of whole numbers"),
        ("study: 3", "study is no name"),
        ("learning: 3", "learning is no mapping"),
        ("x: !!python/object/apply:os.system ['touch owned']", "cannot be read"),
        ("a: [", "cannot be read"),
        ("a: " + "[" * 3_000, "cannot be read"),
        ("# " + "x" * 2**20, "too large"),
    ],
    ids=lambda text: text[:40],
)
def test_a_strangers_configuration_is_checked(made, tmp_path, monkeypatch, text, what):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "micro"
    folder.mkdir()
    config = yaml.safe_load((made / "config.yaml").read_text())
    try:
        changes = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        changes = None
    whole = text if not isinstance(changes, dict) else yaml.safe_dump({**config, **changes})
    (folder / "config.yaml").write_text(whole)
    with pytest.raises(ds.DynsparseError, match=what):
        ds.load(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["micro"]


def test_a_study_of_another_version_is_named(made, tmp_path):
    copy = tmp_path / "micro"
    shutil.copytree(made, copy)
    config = yaml.safe_load((copy / "config.yaml").read_text())
    del config["learning"]["learners"]
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    study = ds.load(copy)
    assert study.make("figure_5").get_axes()
    with pytest.raises(
        ds.DynsparseError, match="not of this version, figure_8 finds no 'learners'"
    ):
        study.make("figure_8")


def test_a_folder_without_a_configuration_is_no_study(tmp_path):
    with pytest.raises(ds.DynsparseError, match="it has no config.yaml"):
        ds.load(tmp_path)


def test_the_data_of_a_study_are_those_of_its_files(made):
    study = ds.load(made)
    path = made / "data/CartpoleBalance/random/seed-1.h5"
    both = study["CartpoleBalance", "random"].to_numpy()["state"][4:]
    np.testing.assert_array_equal(both, ds.load(path).to_numpy()["state"])
