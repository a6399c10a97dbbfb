"""Files of people one does not know: one clear line, before memory is taken."""

import json
import os
import resource
from pathlib import Path

import api_fakes
import h5py
import numpy as np
import pytest

import dynsparse as ds
from dynsparse.api.transitions import Windows
from dynsparse.dataset.schema import layout


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.h5"


def claimed(path, how, **changes):
    """A file that says what a dataset says, whose arrays are made by ``how``."""
    about = api_fakes.info(**changes)
    with h5py.File(path, "w") as file:
        file.attrs.update(about.to_attributes())
        for name, (shape, dtype) in layout(about).items():
            how(file, name, shape, dtype)


@pytest.fixture
def little_memory():
    """An address space of 4 GB more than what is in use: taking more ends in a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + 2**32, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def test_a_billion_rows_that_are_not_there(path, little_memory):
    claimed(path, lambda file, *item: file.create_dataset(*item), episodes=10**6, steps=10**3)
    with pytest.raises(ds.DynsparseError, match=r"x.h5: '\w+' claims \d+ bytes, which a file of"):
        ds.load(path)


def test_a_billion_rows_in_chunks_that_are_not_there(path, little_memory):
    def chunked(file, name, shape, dtype):
        empty = 0 in shape
        file.create_dataset(name, shape, dtype, **({} if empty else {"chunks": True}))

    claimed(path, chunked, episodes=10**6, steps=10**3)
    with pytest.raises(ds.DynsparseError, match=r"x.h5: '\w+' claims \d+ bytes, which a file of"):
        ds.load(path)


def test_one_chunk_of_a_billion_rows(path, little_memory):
    def chunked(file, name, shape, dtype):
        item = file.create_dataset(name, shape, dtype, **({} if 0 in shape else {"chunks": True}))
        if item.size:
            item[(0,) * len(shape)] = 1

    claimed(path, chunked, episodes=10**6, steps=10**3)
    with pytest.raises(ds.DynsparseError, match=r"x.h5: '\w+' claims \d+ bytes, which a file of"):
        ds.load(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_that_is_cut_short(path, share):
    api_fakes.write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ds.DynsparseError, match="x.h5: not a whole HDF5 file"):
        ds.load(path)


def test_a_file_that_is_cut_short_after_it_was_loaded(path):
    api_fakes.write(path)
    data = ds.load(path)
    path.write_bytes(path.read_bytes()[:4096])
    with pytest.raises(ds.DynsparseError, match="has changed since it was opened"):
        data[3].jacobian()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:4096])


def replaced(path):
    api_fakes.write(path.with_name("y.h5"), seed=1)
    path.with_name("y.h5").replace(path)


def edited(path):
    with path.open("r+b") as stream:
        stream.seek(-8, 2)
        stream.write(bytes(8))
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("squeezed", [False, True])
@pytest.mark.parametrize("change", [cut_short, replaced, edited, Path.unlink])
def test_a_file_that_changes_after_an_episode_was_read(path, change, squeezed):
    """A map of a file that was cut short would end the process."""
    api_fakes.write(path)
    if squeezed:
        with h5py.File(path, "r+") as file:
            values = file["state"][()]
            del file["state"]
            file.create_dataset("state", data=values, compression="gzip")
    data = ds.load(path)
    assert data[0].state.shape == (6, 4)
    change(path)
    with pytest.raises(ds.DynsparseError, match="x.h5: has changed since it was opened"):
        _ = data[0].state
    with pytest.raises(ds.DynsparseError, match="x.h5: has changed since it was opened"):
        Windows(data)


def test_another_files_bytes_are_not_read(path, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 10**6)

    def external(file, name, shape, dtype):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        outside = [(str(secret), 0, size)] if size and name == "state" else None
        file.create_dataset(name, shape, dtype, external=outside)

    claimed(path, external)
    with pytest.raises(ds.DynsparseError, match="'state' is no data of this file's own"):
        ds.load(path)


def test_a_link_to_another_file_is_not_followed(path, tmp_path):
    api_fakes.write(path)
    api_fakes.write(tmp_path / "other.h5", seed=1)
    with h5py.File(path, "r+") as file:
        del file["state"]
        file["state"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "state")
    with pytest.raises(ds.DynsparseError, match="'state' is no data of this file's own"):
        ds.load(path)


@pytest.mark.parametrize("name", ["state_names", "provenance", "episodes", "format"])
def test_an_attribute_that_is_an_array(path, name):
    api_fakes.write(path)
    with h5py.File(path, "r+") as file:
        value = file.attrs[name]
        del file.attrs[name]
        file.attrs[name] = [value] * 1000
    with pytest.raises(ds.DynsparseError, match=f"attribute '{name}' is no single small value"):
        ds.load(path)


def test_an_attribute_of_more_bytes_than_any_has(path, monkeypatch):
    monkeypatch.setattr("dynsparse.dataset.schema.MOST_ATTRIBUTE_BYTES", 1000)
    api_fakes.write(path)
    assert ds.load(path).cases
    with h5py.File(path, "r+") as file:
        file.attrs["environment"] = np.bytes_(b"A" * 1001)
    with pytest.raises(ds.DynsparseError, match="'environment' is no single small value"):
        ds.load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("episodes", -1),
        ("steps", "5"),
        ("seed", 2**60),
        ("control_dt_s", "fast"),
        ("control_dt_s", np.nan),
        ("control_dt_s", np.inf),
        ("environment", 3),
        ("state_names", json.dumps({"a": 1})),
    ],
)
def test_an_attribute_of_another_kind(path, name, value):
    api_fakes.write(path)
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    with pytest.raises(ds.DynsparseError, match=f"{name} cannot be read"):
        ds.load(path)


@pytest.mark.parametrize(
    ("name", "value"), [("episodes", 0), ("steps", 0), ("control_dt_s", 0.0), ("state_names", "[]")]
)
def test_a_file_of_nothing(path, name, value):
    api_fakes.write(path)
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    with pytest.raises(ds.DynsparseError, match=f"x.h5: {name}: there are none, or it is 0"):
        ds.load(path)


def test_bytes_that_are_no_truth_values_are_truth_values_as_read(path):
    api_fakes.write(path)
    with h5py.File(path) as file:
        offset, size = file["jacobian_ok"].id.get_offset(), file["jacobian_ok"].size
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(bytes([2] * size))
    ok = ds.load(path)[0].jacobian_ok
    assert ok.dtype == bool
    assert (ok.view(np.uint8) == 1).all()
    assert not (~ok).any()
