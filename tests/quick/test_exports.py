"""Exports, opened by the libraries that they are for; skipped where these are not installed."""

import json
import sys

import api_fakes
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from projects import micro_config
from pyarrow import parquet

from dynsparse.audit.manifest import Artefact, Manifest, write_manifest
from dynsparse.cli import main
from dynsparse.dataset import BlockWriter
from dynsparse.errors import DynsparseError
from dynsparse.exports import STORAGES, to_croissant, to_huggingface, to_minari
from dynsparse.storage.files import sha256


def write(path, change=lambda arrays: None, **more):
    """An unbroken rollout; gives its arrays."""
    about = api_fakes.info(**more)
    arrays = api_fakes.planted(about)
    arrays["state"][:, 1:] = arrays["next_state"][:, :-1]
    change(arrays)
    with BlockWriter(path, about) as writer:
        writer.write(0, arrays)
        writer.finish()
    return arrays


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.h5"


@pytest.fixture
def minari():
    pytest.importorskip("PIL", reason="Minari's storages need Pillow")
    return pytest.importorskip("minari", reason="Minari is no part of the locked environment")


# Without contacts, Arrow would end the interpreter on an info of width 0.
@pytest.mark.parametrize("pairs", [(), ("ground:foot", "ground:hand")])
@pytest.mark.parametrize("storage", STORAGES)
def test_minari_reads_every_bit(minari, path, tmp_path, storage, pairs):
    arrays = write(path, contact_names=pairs)
    to_minari(path, tmp_path / "out", storage)
    found = minari.MinariDataset(tmp_path / "out")
    assert found.total_steps == 24
    for k, episode in enumerate(found.iterate_episodes()):
        observations = np.concatenate([arrays["state"][k], arrays["next_state"][k, -1:]])
        own = {
            "observations": observations,
            "actions": arrays["action"][k],
            "rewards": arrays["reward"][k],
            "terminations": arrays["terminated"][k],
            "truncations": arrays["truncated"][k],
        }
        for name, expected in own.items():
            actual = np.asarray(getattr(episode, name))
            np.testing.assert_array_equal(actual, expected, strict=True)
        infos = {"memory", "state_jacobian", "action_jacobian", "jacobian_ok", "solver_converged"}
        infos |= {"constraint_active"} | ({"contact"} if pairs else set())
        assert set(episode.infos) == infos
        for name in infos:
            actual = np.asarray(episode.infos[name])
            # In front, as Gymnasium's collector has them: what step t gave is at t + 1.
            assert len(actual) == 7
            assert np.isnan(actual[0]).all() if actual.dtype.kind == "f" else not actual[0].any()
            np.testing.assert_array_equal(actual[1:], arrays[name][k], strict=True)


def test_minari_says_what_the_numbers_are(minari, path, tmp_path):
    write(path, provenance=json.dumps({"config": {"at": str(tmp_path)}}))
    to_minari(path, tmp_path / "out")
    metadata = minari.MinariDataset(tmp_path / "out").storage.metadata
    about = metadata["dynsparse"]
    assert about["state_names"][3] == "qvel:hinge_1"
    assert about["state_units"] == ["m", "rad", "m/s", "rad/s"]
    assert about["axes"]["state_jacobian"] == ["time", "next_state_dim", "state_dim"]
    assert about["dtype"] == "float64"
    assert len(about["provenance_sha256"]) == 64
    assert "[1:]" in metadata["description"]
    for each in (tmp_path / "out").rglob("*"):
        assert each.is_dir() or str(tmp_path).encode() not in each.read_bytes()


def test_minari_keeps_float32_as_it_is(minari, path, tmp_path):
    arrays = write(path, dtype="float32")
    to_minari(path, tmp_path / "out")
    episode = minari.MinariDataset(tmp_path / "out")[1]
    np.testing.assert_array_equal(episode.actions, arrays["action"][1], strict=True)
    found = episode.infos["state_jacobian"][1:]
    np.testing.assert_array_equal(found, arrays["state_jacobian"][1], strict=True)


def test_there_is_no_environment_to_recover(minari, path, tmp_path):
    write(path)
    to_minari(path, tmp_path / "out")
    found = minari.MinariDataset(tmp_path / "out")
    assert found.spec.env_spec is None
    with pytest.raises(ValueError, match="env_spec"):
        found.recover_environment()


def no_rewards(arrays):
    arrays["reward"][:] = np.nan


def broken(arrays):
    arrays["state"][2, 3] += 1


@pytest.mark.parametrize(
    ("change", "message"),
    [(no_rewards, "episode 0 has no rewards"), (broken, "episode 2: a step does not begin")],
)
def test_what_minari_cannot_say_is_refused(minari, path, tmp_path, change, message):
    write(path, change)
    with pytest.raises(DynsparseError, match=message):
        to_minari(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_exists_is_left_alone(minari, path, tmp_path):
    write(path)
    (tmp_path / "out").mkdir()
    with pytest.raises(DynsparseError, match="out: exists"):
        to_minari(path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("package", ["minari", "PIL"])
def test_a_library_that_is_not_there(path, tmp_path, monkeypatch, package):
    write(path)
    if package == "PIL":
        monkeypatch.setitem(sys.modules, "minari", sys)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DynsparseError, match=rf"needs {package}.*'dynsparse\[minari\]'"):
        to_minari(path, tmp_path / "out")


@pytest.mark.parametrize("option", [("--to", "zarr"), ("--to", "minari", "--storage", "zarr")])
def test_what_the_command_does_not_know(path, tmp_path, option):
    arguments = ["export", str(path), *option, "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "'zarr' is not" in result.output


def test_the_command_writes_it(minari, path, tmp_path):
    write(path)
    arguments = ["export", str(path), "--to", "minari", "--output", str(tmp_path / "out")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert len(minari.MinariDataset(tmp_path / "out")) == 4


@pytest.fixture
def study(tmp_path):
    """A finished study of one data file and a few tables, of which one has no row."""
    rows = pa.table(
        {"name": ["a", "b"], "zeros": [3, 4], "share": [0.5, None], "on": [True, False]}
    )
    tables = {
        "tables/table_1.parquet": rows,
        "merged/A/random/steps.parquet": rows,
        "merged/B/random/steps.parquet": rows.slice(0, 1),
        "merged/A/random/events.parquet": rows,
        "merged/B/random/events.parquet": rows.slice(0, 0),
    }
    for name, table in tables.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, tmp_path / name)
    data = "data/CartpoleBalance/random/seed-0.h5"
    (tmp_path / data).parent.mkdir(parents=True)
    write(tmp_path / data)
    artefacts = {
        name: Artefact(sha256(tmp_path / name), (tmp_path / name).stat().st_size, *MADE)
        for name in (*tables, data)
    }
    code = {"commit": "unknown", "packages": {}, "machine": "x86_64"}
    origin = {**code, "seed": 0, "policy": "random", "device": "cpu: cpu"}
    code |= {"changed": [], "python": "3.11"}
    manifest = Manifest("micro", micro_config(), code, (), artefacts, {}, {data: origin})
    write_manifest(manifest, tmp_path / "manifest.json")
    return tmp_path


MADE = ("rule", "logs/x.log", (), (), "ok")


def test_hugging_face_reads_every_configuration(study, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="datasets is no part of the environment")
    assert to_huggingface(study) == study / "README.md"
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    found = datasets.get_dataset_config_names(str(study))
    assert sorted(found) == ["merged-events", "merged-steps", "tables-table_1"]
    for name, rows in (("merged-events", 2), ("merged-steps", 3), ("tables-table_1", 2)):
        cache = str(tmp_path / "cache")
        table = datasets.load_dataset(str(study), name, split="train", cache_dir=cache)
        assert table.num_rows == rows
        assert table[0] == {"name": "a", "zeros": 3, "share": 0.5, "on": True}


# Without contacts an array has no width.
@pytest.mark.parametrize("pairs", [(), ("ground:foot",)])
def test_hugging_face_opens_a_data_file_in_float64(path, tmp_path, pairs):
    datasets = pytest.importorskip("datasets", reason="datasets is no part of the environment")
    arrays = write(path, contact_names=pairs)
    files, cache = str(path), str(tmp_path / "cache")
    rows = datasets.load_dataset("hdf5", data_files=files, split="train", cache_dir=cache)
    assert rows.num_rows == 4
    for k, row in enumerate(rows.with_format("numpy", dtype=np.float64)):
        for name in ("state", "state_jacobian", "action_jacobian"):
            np.testing.assert_array_equal(row[name], arrays[name][k], strict=True)
    # What docs/exports.md warns of.
    assert rows.with_format("numpy")[0]["state_jacobian"].dtype == np.float32


def test_croissant_is_valid_and_its_records_are_the_tables(study):
    mlcroissant = pytest.importorskip("mlcroissant", reason="it is no part of the environment")
    path = to_croissant(study)
    described = mlcroissant.Dataset(jsonld=path)
    assert not described.metadata.issues.errors
    assert not described.metadata.issues.warnings
    assert len(described.metadata.distribution) == 6
    first, second = described.records("table_1")
    names = ("name", "zeros", "share", "on")
    assert [first[f"table_1/{name}"] for name in names] == [b"a", 3, 0.5, True]
    assert second["table_1/zeros"] == 4
    # What has changed since is refused.
    table = study / "tables/table_1.parquet"
    table.write_bytes(table.read_bytes() + b"x")
    with pytest.raises(mlcroissant.GenerationError, match="table_1.parquet"):
        list(mlcroissant.Dataset(jsonld=path).records("table_1"))


@pytest.mark.parametrize("form", ["huggingface", "croissant"])
def test_what_is_there_is_not_overwritten(study, form):
    if form == "croissant":
        pytest.importorskip("mlcroissant", reason="it is no part of the environment")
    first = CliRunner().invoke(main, ["export", str(study), "--to", form])
    assert first.exit_code == 0, first.output
    again = CliRunner().invoke(main, ["export", str(study), "--to", form])
    assert (again.exit_code, "exists; delete it" in again.output) == (1, True)


def test_an_output_goes_with_minari_alone(study, tmp_path):
    for arguments in (["--to", "minari"], ["--to", "huggingface", "--output", "x"]):
        done = CliRunner().invoke(main, ["export", str(study), *arguments])
        assert (done.exit_code, "--output goes with --to minari" in done.output) == (2, True)
