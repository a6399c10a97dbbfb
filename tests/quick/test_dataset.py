"""The dataset file: what is promised is written, what is written comes back, nothing is lost."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynsparse.dataset import BlockWriter, DatasetInfo, describe, open_dataset
from dynsparse.dataset.schema import DIGEST, SCHEMA_VERSION, layout
from dynsparse.errors import DynsparseError
from dynsparse.sparsity.source import source_name
from dynsparse.storage.files import sha256

INFO = DatasetInfo(
    environment="Twolink",
    behaviour="random",
    seed=4,
    state_names=("qpos:free.qw [1]", "qpos:joint [rad]", "qvel:joint [rad/s]"),
    action_names=("ctrl:motor [1]", "ctrl:brake [1]"),
    contact_names=("ground:foot",),
    constraint_names=("limit:joint", "frictionloss:joint"),
    control_dt_s=0.02,
    method="hybrid",
    dtype="float64",
    episodes=3,
    steps=5,
    provenance=json.dumps({"commit": "abc", "packages": {"jax": "0.9"}}),
    tangent_names=("dqpos:joint [rad]", "qvel:joint [rad/s]"),
)
SPECIFICATION = {
    "state": ((3, 5, 3), "float64"),
    "action": ((3, 5, 2), "float64"),
    "memory": ((3, 5, 1), "float64"),
    "next_state": ((3, 5, 3), "float64"),
    "reward": ((3, 5), "float64"),
    "terminated": ((3, 5), "bool"),
    "truncated": ((3, 5), "bool"),
    "state_jacobian": ((3, 5, 3, 3), "float64"),
    "action_jacobian": ((3, 5, 3, 2), "float64"),
    "contact": ((3, 5, 1), "bool"),
    "constraint_active": ((3, 5, 2), "bool"),
    "jacobian_ok": ((3, 5), "bool"),
    "solver_converged": ((3, 5), "bool"),
    "tangent_state_jacobian": ((3, 5, 2, 2), "float64"),
    "tangent_action_jacobian": ((3, 5, 2, 2), "float64"),
    "episode_digest": ((3, 32), "uint8"),
}
ARRAYS = tuple(name for name in SPECIFICATION if name != DIGEST)


def planted(info, seed=0):
    """Random arrays of a whole dataset, by name."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=shape).astype(dtype)
        if dtype.startswith("float")
        else rng.random(shape) < 0.5
        for name, (shape, dtype) in layout(info).items()
        if name != DIGEST
    }


def part(arrays, first, count=1):
    return {name: values[first : first + count] for name, values in arrays.items()}


def write(path, info=INFO, seed=0, block=1):
    arrays = planted(info, seed)
    with BlockWriter(path, info) as writer:
        for first in range(0, info.episodes, block):
            writer.write(first, part(arrays, first, block))
        writer.finish()
    return arrays


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.h5"


def test_a_file_is_what_the_specification_says(path):
    write(path)
    with h5py.File(path) as file:
        found = {name: (item.shape, str(item.dtype)) for name, item in file.items()}
        assert found == SPECIFICATION
        attributes = dict(file.attrs)
        units = {name: item.attrs["unit"] for name, item in file.items()}
    assert attributes.pop("format") == "dynsparse dataset"
    assert attributes["schema_version"] == SCHEMA_VERSION == 2
    names = {key for key in attributes if key.endswith("_names")}
    kinds = ("state", "action", "contact", "constraint", "tangent")
    assert names == {f"{kind}_names" for kind in kinds}
    values = {k: tuple(json.loads(v)) if k in names else v for k, v in attributes.items()}
    expected = dataclasses.asdict(INFO)
    assert expected.pop("held_names") == ()  # which files before version 3 do not have
    assert expected.pop("note") == ""  # which most files do not have
    assert values == expected
    assert units["memory"].startswith("generalised acceleration")
    assert set(units) == set(SPECIFICATION)
    assert all(units.values())


def test_the_specification_page_names_every_dataset_and_attribute():
    page = (Path(__file__).parents[2] / "docs" / "dataset.md").read_text()
    attributes = ["format", *(f.name for f in dataclasses.fields(INFO))]
    absent = [name for name in [*SPECIFICATION, *attributes] if f"`{name}" not in page]
    assert absent == []


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@st.composite
def facts(draw):
    """Arguments of a ``DatasetInfo``."""
    names = st.lists(NAMES, max_size=3).map(tuple)
    return {
        "environment": draw(NAMES),
        "behaviour": draw(NAMES),
        "seed": draw(st.integers(0, 2**40)),
        "state_names": tuple(
            draw(st.sampled_from(["qpos:", "qvel:"])) + name
            for name in draw(st.lists(NAMES, min_size=1, max_size=4))
        ),
        "action_names": draw(names),
        "contact_names": draw(names),
        "constraint_names": draw(names),
        "control_dt_s": draw(st.floats(1e-4, 1.0)),
        "method": draw(NAMES),
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "episodes": draw(st.integers(1, 3)),
        "steps": draw(st.integers(1, 4)),
        "provenance": draw(st.dictionaries(NAMES, NAMES).map(json.dumps)),
        "tangent_names": draw(names),
    }


@settings(max_examples=40, deadline=None)
@given(facts=facts(), block=st.integers(1, 3))
def test_what_is_written_comes_back(facts, block):
    info = DatasetInfo(**facts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.h5"
        arrays = write(path, info, block=block)
        with open_dataset(path) as dataset:
            assert dataset.info == info
            assert dataset.damaged_episodes() == []
            episodes = list(dataset.episodes())
    assert [episode.index for episode in episodes] == list(range(info.episodes))
    for episode in episodes:
        for name, values in arrays.items():
            np.testing.assert_array_equal(getattr(episode, name), values[episode.index])


def test_values_that_are_not_finite_come_back(path):
    arrays = planted(INFO)
    arrays["state_jacobian"][0, 0, 0] = [np.nan, np.inf, -0.0]
    with BlockWriter(path, INFO) as writer:
        writer.write(0, arrays)
        writer.finish()
    with open_dataset(path) as dataset:
        read = dataset.episode(0).state_jacobian[0, 0]
    np.testing.assert_array_equal(read, [np.nan, np.inf, -0.0])
    assert np.signbit(read[2])


def test_wider_values_are_stored_and_vouched_for_in_the_files_precision(path):
    info = dataclasses.replace(INFO, dtype="float32")
    wide = planted(INFO)
    with BlockWriter(path, info) as writer:
        writer.write(0, wide)
        writer.finish()
    with open_dataset(path) as dataset:
        read = dataset.episode(1).state_jacobian
    np.testing.assert_array_equal(read, wide["state_jacobian"][1].astype("float32"))


def test_the_bytes_depend_on_neither_the_order_nor_the_blocks(tmp_path):
    arrays = write(tmp_path / "a.h5")
    write(tmp_path / "b.h5", block=3)
    with BlockWriter(tmp_path / "c.h5", INFO) as writer:
        for episode in (2, 0, 1):
            writer.write(episode, part(arrays, episode))
        writer.finish()
    assert len({sha256(tmp_path / f"{name}.h5") for name in "abc"}) == 1


# Killing and going on.

CHILD = """
import os, signal, sys
sys.path.insert(0, {folder!r})
import test_dataset as here
from dynsparse.dataset import BlockWriter, writer as module

moment, path = sys.argv[1], sys.argv[2]
arrays = here.planted(here.INFO)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

with BlockWriter(path, here.INFO) as writer:
    if moment == "before the first episode":
        die()
    writer.write(0, here.part(arrays, 0))
    if moment == "between episodes":
        die()
    if moment == "before an episode's digest":
        module.episode_digest = die
    writer.write(1, here.part(arrays, 1))
    writer.write(2, here.part(arrays, 2))
    if moment == "before the new name":
        die()
    writer.finish()
"""
MOMENTS = {
    "before the first episode": [False, False, False],
    "between episodes": [True, False, False],
    "before an episode's digest": [True, False, False],
    "before the new name": [True, True, True],
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_writer_is_continued_to_the_same_bytes(tmp_path, moment):
    write(tmp_path / "whole.h5")
    path = tmp_path / "killed.h5"
    child = CHILD.format(folder=str(Path(__file__).parent))
    killed = subprocess.run([sys.executable, "-c", child, moment, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not path.exists()
    arrays = planted(INFO)
    with BlockWriter(path, INFO) as writer:
        assert writer.written.tolist() == MOMENTS[moment]
        for episode in np.flatnonzero(~writer.written):
            writer.write(int(episode), part(arrays, episode))
        writer.finish()
    assert sha256(path) == sha256(tmp_path / "whole.h5")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["killed.h5", "whole.h5"]


def test_a_flipped_bit_is_found_by_whoever_reads_the_episodes(path):
    write(path)
    with h5py.File(path, "r+") as file:
        file["state_jacobian"][1, 0, 0, 0] = np.nextafter(file["state_jacobian"][1, 0, 0, 0], 1e9)
    with open_dataset(path) as dataset:
        episodes = dataset.episodes()
        assert next(episodes).index == 0
        with pytest.raises(DynsparseError, match=rf"{path}: episode 1 is damaged"):
            next(episodes)


def test_a_second_writer_is_refused_and_the_first_loses_nothing(path):
    arrays = planted(INFO)
    with BlockWriter(path, INFO) as writer:
        writer.write(0, part(arrays, 0))
        child = CHILD.format(folder=str(Path(__file__).parent))
        second = [sys.executable, "-c", child, "never", path]
        result = subprocess.run(second, check=False, capture_output=True, text=True)
        assert f"{path}.partial: another process is writing it" in result.stderr
        writer.write(1, part(arrays, 1, 2))
        writer.finish()
    with open_dataset(path) as dataset:
        assert dataset.damaged_episodes() == []


def test_a_partial_file_of_other_settings_is_started_anew(path):
    with BlockWriter(path, INFO) as writer:
        writer.write(0, part(planted(INFO), 0))
    other = dataclasses.replace(INFO, method="implicit")
    with BlockWriter(path, other) as writer:
        assert not writer.written.any()
    with BlockWriter(path, other) as writer:
        assert not writer.written.any()
        writer.write(0, planted(other))
        writer.finish()
    with open_dataset(path) as dataset:
        assert dataset.info == other


def test_a_partial_file_that_is_no_hdf5_is_started_anew(path):
    path.with_name("x.h5.partial").write_bytes(b"torn")
    write(path)
    with open_dataset(path) as dataset:
        assert dataset.damaged_episodes() == []


def flip(path, name, index):
    with h5py.File(path, "r+") as file:
        values = file[name]
        values[index] = not values[index] if values.dtype == bool else values[index] + 1


def test_a_torn_episode_is_written_again(path):
    arrays = planted(INFO)
    with BlockWriter(path, INFO) as writer:
        writer.write(0, part(arrays, 0, 2))
    flip(path.with_name("x.h5.partial"), "memory", (1, 4, 0))
    with BlockWriter(path, INFO) as writer:
        assert writer.written.tolist() == [True, False, False]
        writer.write(1, part(arrays, 1, 2))
        writer.finish()
    with open_dataset(path) as dataset:
        np.testing.assert_array_equal(dataset.episode(1).memory, arrays["memory"][1])


def test_a_file_with_a_missing_episode_gets_no_final_name(path):
    with BlockWriter(path, INFO) as writer:
        writer.write(0, part(planted(INFO), 0, 2))
        with pytest.raises(DynsparseError, match=r"x\.h5\.partial: episode 2 is missing"):
            writer.finish()
    assert not path.exists()


@pytest.mark.parametrize("name", ARRAYS)
def test_one_changed_value_of_any_array_is_found(path, name):
    write(path)
    flip(path, name, (1, *(size - 1 for size in SPECIFICATION[name][0][1:])))
    with open_dataset(path) as dataset:
        assert dataset.damaged_episodes() == [1]
    assert describe(path).endswith("damaged episodes: 1")


# Bad files.


def refused(path, reason):
    with pytest.raises(DynsparseError, match=reason) as caught, open_dataset(path):
        pass
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message


def test_refuses_a_missing_file(path):
    refused(path, "no such file")


def test_refuses_a_folder(tmp_path):
    refused(tmp_path, "not a whole HDF5 file")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9])
def test_refuses_a_truncated_file(path, share):
    write(path)
    os.truncate(path, int(share * path.stat().st_size))
    refused(path, "not a whole HDF5 file")


def test_refuses_a_file_of_another_kind(path):
    with h5py.File(path, "w") as file:
        file["state"] = np.zeros(3)
    refused(path, "not a dynsparse dataset")


def test_refuses_another_schema_version(path):
    write(path)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 4
    refused(path, "schema version 4 cannot be read; this program reads 1, 2, 3")


def test_reads_version_3(path):
    info = dataclasses.replace(INFO, schema_version=3, held_names=("mocap_pos[0]",))
    arrays = write(path, info)
    with open_dataset(path) as dataset:
        assert dataset.info == info
        episode = dataset.episode(1)
    np.testing.assert_array_equal(episode.jacobian_element_ok, arrays["jacobian_element_ok"][1])
    assert episode.jacobian_element_ok.shape == (5, 3, 5)
    np.testing.assert_array_equal(episode.held, arrays["held"][1])


def test_reads_version_1(path):
    info = dataclasses.replace(INFO, schema_version=1, tangent_names=())
    arrays = write(path, info)
    with h5py.File(path, "r+") as file:
        del file.attrs["tangent_names"]
    with open_dataset(path) as dataset:
        assert dataset.info == info
        assert not dataset.damaged_episodes()
        episode = dataset.episode(1)
    np.testing.assert_array_equal(episode.state_jacobian, arrays["state_jacobian"][1])
    assert episode.solver_converged is None
    assert episode.tangent_state_jacobian is None


def test_a_state_without_orientations_has_no_tangent_arrays(path):
    write(path, dataclasses.replace(INFO, tangent_names=()))
    with open_dataset(path) as dataset:
        assert dataset.episode(0).tangent_action_jacobian is None
        assert dataset.episode(0).solver_converged.shape == (5,)


@pytest.mark.parametrize("name", ["schema_version", "dtype", "state_names"])
def test_refuses_a_file_without_an_attribute(path, name):
    write(path)
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
    refused(path, f"attribute '{name}' is missing")


@pytest.mark.parametrize("name", [*ARRAYS, DIGEST])
def test_refuses_a_file_without_a_dataset(path, name):
    write(path)
    with h5py.File(path, "r+") as file:
        del file[name]
    refused(path, f"dataset '{name}' is missing")


@pytest.mark.parametrize("values", [np.zeros((3, 5, 2)), np.zeros((3, 5, 3), "float32")])
def test_refuses_a_dataset_of_another_shape_or_type(path, values):
    write(path)
    with h5py.File(path, "r+") as file:
        del file["state"]
        file["state"] = values
    refused(path, r"dataset 'state' should be \(3, 5, 3\) float64")


# Disks that do not take the file.


def nothing_left(folder):
    return {item.name for item in folder.iterdir()} <= {"filler"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command to make a small disk with")
    if done.returncode:
        pytest.skip(f"no permission to mount a small disk: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_the_next_run_succeeds(small_disk):
    info = dataclasses.replace(INFO, steps=200)
    room = small_disk / "filler"
    room.write_bytes(bytes(150 * 1024))
    path = small_disk / "x.h5"
    with pytest.raises(DynsparseError, match=r"x\.h5: cannot be written: No space left") as caught:
        write(path, info)
    assert "\n" not in str(caught.value)
    assert nothing_left(small_disk)
    room.unlink()
    write(path, info)
    with open_dataset(path) as dataset:
        assert dataset.damaged_episodes() == []


@pytest.mark.parametrize("room_kb", [4, 8, 16, 32])
def test_a_disk_without_room_for_even_the_names_is_one_line_too(small_disk, room_kb):
    (small_disk / "filler").write_bytes(bytes((256 - room_kb) * 1024))
    with pytest.raises(DynsparseError, match=r"x\.h5: cannot be written: No space left") as caught:
        write(small_disk / "x.h5", dataclasses.replace(INFO, steps=200))
    assert "\n" not in str(caught.value)
    assert nothing_left(small_disk)


def test_a_disk_filled_by_others_in_mid_run_does_not_stop_the_writer(small_disk):
    info = dataclasses.replace(INFO, steps=200)
    arrays = planted(info)
    path = small_disk / "x.h5"
    with BlockWriter(path, info) as writer:
        with pytest.raises(OSError, match="No space left"):
            (small_disk / "filler").write_bytes(bytes(256 * 1024))
        writer.write(0, arrays)
        writer.finish()
    with open_dataset(path) as dataset:
        assert dataset.damaged_episodes() == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "taken").write_text("a file, where a folder would have to be")
    path = tmp_path / "taken" / "x.h5"
    with pytest.raises(DynsparseError, match=f"{path}: cannot be written: ") as caught:
        BlockWriter(path, INFO)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_a_folder_without_permission_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DynsparseError, match="cannot be written: Permission denied"):
        BlockWriter(tmp_path / "x.h5", INFO)


def test_a_read_only_file_system_is_one_line():
    path = Path("/proc/x.h5")
    with pytest.raises(DynsparseError, match=f"{path}: cannot be written: ") as caught:
        BlockWriter(path, INFO)
    assert "\n" not in str(caught.value)


def _linked(file):
    del file["reward"]
    file["reward"] = h5py.ExternalLink("elsewhere.h5", "/reward")


def _softly_linked(file):
    _linked(file)
    file.move("reward", "other")
    file["reward"] = h5py.SoftLink("/other")


def _kept_outside(file):
    shape, dtype = file["reward"].shape, file["reward"].dtype
    del file["reward"]
    outside = [(f"{file.filename}.raw", 0, h5py.h5f.UNLIMITED)]
    file.create_dataset("reward", shape, dtype, external=outside)


def _virtual(file):
    shape, dtype = file["reward"].shape, file["reward"].dtype
    del file["reward"]
    layout = h5py.VirtualLayout(shape, dtype)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "reward", shape)
    file.create_virtual_dataset("reward", layout)


def _a_group(file):
    del file["reward"]
    file.create_group("reward")


@pytest.mark.parametrize("edit", [_linked, _softly_linked, _kept_outside, _virtual, _a_group])
def test_a_file_that_does_not_hold_its_own_data_is_refused(path, edit):
    write(path)
    # What would be read, were it opened.
    write(path.with_name("elsewhere.h5"))
    Path(f"{path}.raw").write_bytes(bytes(1000))
    with h5py.File(path, "r+") as file:
        edit(file)
    with pytest.raises(DynsparseError, match="'reward' is no data of this file's own") as caught:
        describe(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("provenance", "[" * 100_000, "the provenance cannot be read: nested too deeply"),
        ("provenance", "{", "the provenance cannot be read: Expecting"),
        ("provenance", "[1]", "the provenance cannot be read: it is no mapping"),
        ("provenance", 3, "the provenance cannot be read: "),
        ("state_names", '{"a":' * 100_000, "state_names cannot be read: nested too deeply"),
        ("state_names", "[1, 2]", "state_names cannot be read: it is no list of names"),
        ("contact_names", "3", "contact_names cannot be read: it is no list of names"),
    ],
)
def test_what_cannot_be_parsed_is_named(path, name, value, reason):
    write(path)
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    with pytest.raises(DynsparseError, match=reason):
        describe(path)


def test_a_strangers_names_reach_no_terminal_as_they_are_and_are_no_path(path):
    name = "\x1b[31mred\x1b]0;title\x07 ../../x"
    info = dataclasses.replace(INFO, environment=name, contact_names=("a\nb\u202e",))
    write(path, info)
    text = describe(path)
    assert all(line.isprintable() for line in text.splitlines())
    assert r"environment: \x1b[31mred\x1b]0;title\x07 ../../x" in text
    assert r"contact_names: a\nb\u202e" in text.splitlines()
    for strange in (info, dataclasses.replace(INFO, behaviour="../expert")):
        with pytest.raises(DynsparseError, match="names have letters and digits only"):
            source_name(strange)


def test_a_description_tells_what_is_in_a_file(path):
    arrays = write(path)
    lines = describe(path).splitlines()
    assert "environment: Twolink" in lines
    assert "commit: abc" in lines
    assert "packages: jax 0.9" in lines
    finite, touching = arrays["jacobian_ok"][1].sum(), arrays["contact"][1].any(axis=1).sum()
    assert lines[-3] == (
        f"episode 1: return {arrays['reward'][1].sum():.2f}, {finite} of 5 Jacobians finite, "
        f"{touching} steps in contact"
    )
    assert lines[-1] == "damaged episodes: none"
