"""``import dynsparse``: what is loaded is what is in the file, under its names; it loads fast."""

import pickle
import re
import subprocess
import sys
import tomllib
from decimal import Decimal
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import api_fakes
import h5py
import numpy as np
import pytest

import dynsparse as ds
from dynsparse.api.given import positive
from dynsparse.cli import OPTIONAL
from dynsparse.dataset import open_dataset
from dynsparse.sparsity.merging import merge_seeds

ROOT = Path(__file__).parents[2]
# Torch and xarray are no part of the environment that runs studies.
LOCKED = ("figures", "simulate", "learn", "workflow")
HEAVY = ("jax", "mujoco", "pandas", "matplotlib", "numpy", "h5py", "pyarrow", "torch")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.h5"


def python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_import_brings_nothing_heavy():
    found = python(f"import sys, dynsparse; print([m for m in {HEAVY} if m in sys.modules])")
    assert found == "[]"


def test_loading_brings_no_simulator(path):
    api_fakes.write(path)
    code = f"""
import sys, dynsparse
dynsparse.load({str(path)!r})[0].zeros(1e-12)
print([m for m in ("jax", "mujoco", "pandas", "matplotlib", "torch", "xarray") if m in sys.modules])
"""
    assert python(code) == "[]"


def test_every_name_is_there_and_told_to_type_checkers():
    public = set(ds.__all__)
    assert public <= set(dir(ds))
    stub = (ROOT / "src/dynsparse/__init__.pyi").read_text()
    told = {line.split()[-1] for line in stub.splitlines() if " as " in line}
    assert told == {*public, "torch"} - {"__version__"}
    for name in public:
        assert getattr(ds, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        ds.nothing  # noqa: B018
    assert (ROOT / "src/dynsparse/py.typed").exists()


def test_everything_is_had_at_once_with_or_without_torch():
    assert python("from dynsparse import *; print(load.__name__, __version__ != '')") == "load True"


def test_the_version_is_that_of_the_project():
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{ds.__version__}"' in text


def test_the_locked_environment_has_what_the_extras_say():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(p for e in LOCKED for p in extras[e])]
    names = {re.match(r"[\w-]+", each)[0].lower() for each in needed} - {"dynsparse"}
    lines = (ROOT / "envs/cpu.txt").read_text().splitlines()
    assert names <= {line.partition("==")[0].lower() for line in lines if "==" in line}


def test_arrays_are_those_of_the_file(path):
    arrays = api_fakes.write(path)
    data = ds.load(path)
    assert data.cases == [("CartpoleBalance", "random", 0)]
    assert data.cases[0].environment == "CartpoleBalance"
    assert len(data) == len(list(data)) == 4
    for k, episode in enumerate(data):
        for name in ("state", "action", "next_state", "reward", "memory", "contact"):
            np.testing.assert_array_equal(getattr(episode, name), arrays[name][k], strict=True)
        np.testing.assert_array_equal(episode.jacobian_ok, arrays["jacobian_ok"][k])
    np.testing.assert_allclose(data[1].times, 0.01 * np.arange(6), rtol=1e-15)
    assert data.units["qvel:hinge_1"] == "rad/s"
    assert data.state_names[0] == "qpos:slider"
    assert "CartpoleBalance/random/0" in repr(data)
    assert "6 steps" in repr(data[0])


def test_an_element_is_found_by_name(path):
    arrays = api_fakes.write(path)
    episode = ds.load(path)[1]
    by_state, by_action = arrays["state_jacobian"][1], arrays["action_jacobian"][1]
    found = episode.jacobian("qvel:hinge_1", "qpos:slider")
    np.testing.assert_array_equal(found, by_state[:, 3, 0])
    np.testing.assert_array_equal(
        episode.jacobian("qvel:slider [m/s]", "ctrl:slide"), by_action[:, 2, 0]
    )
    np.testing.assert_array_equal(episode.jacobian("qpos:slider")[:, :4], by_state[:, 0])
    np.testing.assert_array_equal(episode.jacobian(column="ctrl:slide"), by_action[:, :, 0])
    assert episode.jacobian().shape == (6, 4, 5)


@pytest.mark.parametrize(
    ("row", "column", "near"),
    [("qvel:hinge", "qpos:slider", "qvel:hinge_1"), ("qpos:slider", "ctrl:slid", "ctrl:slide")],
)
def test_a_misspelt_name_gets_the_nearest(path, row, column, near):
    api_fakes.write(path)
    with pytest.raises(ds.DynsparseError, match=f"did you mean '{near}'"):
        ds.load(path)[0].jacobian(row, column)


def test_a_sample_without_a_derivative_is_masked_unless_asked_for(path):
    arrays = api_fakes.write(path)
    episode = ds.load(path)[0]
    names = ("qvel:hinge_1", "qpos:slider")
    assert np.isnan(episode.jacobian(*names)[-1])
    assert np.isfinite(episode.jacobian(*names)[:-1]).all()
    np.testing.assert_array_equal(
        episode.jacobian(*names, all=True), arrays["state_jacobian"][0, :, 3, 0]
    )
    zero = episode.zeros(1e-12)
    assert zero.shape == (6, 4, 5)
    assert zero.mask[-1].all()
    assert not zero.mask[:-1].any()
    expected = arrays["state_jacobian"][0, :-1] == 0
    np.testing.assert_array_equal(zero[:-1, :, :4], expected)
    np.testing.assert_allclose(zero.mean(axis=0)[:, :4], expected.mean(axis=0), rtol=1e-15)


def test_an_array_is_a_map_of_the_file_that_cannot_be_written(path):
    api_fakes.write(path)
    state = ds.load(path)[0].state
    with pytest.raises(ValueError, match="read-only"):
        state[0] = 1


def _state_sum(data):
    return float(sum(episode.state.sum() for episode in data))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_dataset_goes_to_other_processes(path, start):
    arrays = api_fakes.write(path)
    data = ds.load(path)
    before = _state_sum(data)
    assert len(pickle.dumps(data)) < 20_000
    with get_context(start).Pool(2) as pool:
        assert pool.map(_state_sum, [data, data]) == [before, before]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(data))[2].state, arrays["state"][2])


def test_several_files_are_one_dataset(tmp_path):
    paths = [tmp_path / f"{seed}.h5" for seed in (0, 1)]
    arrays = [api_fakes.write(path, seed=seed) for seed, path in enumerate(paths)]
    data = ds.load(paths)
    assert [case.seed for case in data.cases] == [0, 1]
    assert [episode.case.seed for episode in data] == [0] * 4 + [1] * 4
    whole = data.to_numpy(all=True)
    for name, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([a[name] for a in arrays]))
    assert np.isnan(data.to_numpy()["state_jacobian"][0, -1]).all()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"environment": "PointMass"}, "environment"),
        ({"control_dt_s": 0.02}, "control_dt"),
        ({"action_names": ("ctrl:other [1]",)}, "action_name"),
    ],
)
def test_files_of_different_environments_are_not_one(tmp_path, changes, what):
    api_fakes.write(tmp_path / "a.h5")
    api_fakes.write(tmp_path / "b.h5", **changes)
    with pytest.raises(ds.DynsparseError, match=f"b.h5: another {what}"):
        ds.load([tmp_path / "a.h5", tmp_path / "b.h5"])


def test_episodes_of_different_length_are_no_array(tmp_path):
    api_fakes.write(tmp_path / "a.h5")
    api_fakes.write(tmp_path / "b.h5", steps=5)
    data = ds.load([tmp_path / "a.h5", tmp_path / "b.h5"])
    with pytest.raises(ds.DynsparseError, match=r"different lengths, \[5, 6\]"):
        data.to_numpy()


def test_what_does_not_fit_into_memory_is_refused_before(path, monkeypatch):
    api_fakes.write(path)
    monkeypatch.setattr("dynsparse.api.sizes._available", lambda: 100.0)
    with pytest.raises(ds.DynsparseError, match="of memory"):
        ds.load(path).to_numpy()
    with pytest.raises(ds.DynsparseError, match="of memory"):
        ds.load(path)[0].zeros(1e-12)


def test_a_compressed_file_is_read_by_hdf5(path, tmp_path):
    arrays = api_fakes.write(path)
    again = tmp_path / "again.h5"
    with h5py.File(path) as file, h5py.File(again, "w") as other:
        other.attrs.update(file.attrs)
        for name, item in file.items():
            squeezed = {"compression": "gzip"} if item.size else {}
            other.create_dataset(name, data=item[()], **squeezed)
    plain, squeezed = ds.load(path), ds.load(again)
    np.testing.assert_array_equal(squeezed[2].state_jacobian, arrays["state_jacobian"][2])
    for name, values in plain.to_numpy().items():
        np.testing.assert_array_equal(squeezed.to_numpy()[name], values)


def test_xarray_has_names_and_units(path):
    xarray = pytest.importorskip("xarray")
    arrays = api_fakes.write(path)
    found = ds.load(path).to_xarray()
    assert isinstance(found, xarray.Dataset)
    element = found.state_jacobian.sel(next_state_dim="qvel:hinge_1", state_dim="qpos:slider")
    np.testing.assert_array_equal(element[1], arrays["state_jacobian"][1, :, 3, 0])
    assert element.dims == ("episode", "time")
    assert str(found.state_dim_unit.sel(state_dim="qvel:hinge_1").values) == "rad/s"
    assert found.time.attrs["units"] == "s"
    assert found.memory.dims == ("episode", "time", "velocity_dim")


def test_a_missing_package_is_named_with_the_extra(path, monkeypatch):
    api_fakes.write(path)
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ds.DynsparseError, match=r"needs xarray.*'dynsparse\[xarray\]'"):
        ds.load(path).to_xarray()
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "dynsparse.torch", raising=False)
    with pytest.raises(ds.DynsparseError, match=r"needs torch.*'dynsparse\[torch\]'"):
        ds.torch  # noqa: B018
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ds.DynsparseError, match=r"needs jax.*'dynsparse\[simulate\]'"):
        ds.simulator("CartpoleBalance")


def test_a_name_that_is_nothing_gets_the_nearest_environment():
    with pytest.raises(ds.DynsparseError, match="did you mean 'CheetahRun'"):
        ds.load("CheetaRun")
    with pytest.raises(ds.DynsparseError, match="no such file"):
        ds.load("nothing.h5")
    with pytest.raises(ds.DynsparseError, match="at least one file"):
        ds.load([])


def test_a_folder_called_like_an_environment_is_asked_about(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CheetahRun").mkdir()
    with pytest.raises(ds.DynsparseError, match="write './CheetahRun'"):
        ds.load("CheetahRun")
    with pytest.raises(ds.DynsparseError, match="no folder of a study"):
        ds.load("./CheetahRun")


def test_zeros_are_the_statistics_of_the_studies(path):
    arrays = api_fakes.write(path)
    found = ds.zeros(ds.load(path), [1e-12, 0.5])
    ok = arrays["jacobian_ok"]
    elements = found.elements.to_pandas()
    state = elements[(elements.jacobian == "state") & (elements.threshold == 0.5)]
    expected = (np.abs(arrays["state_jacobian"][ok]) < 0.5).sum(axis=0).ravel()
    np.testing.assert_array_equal(state.zeros, expected)
    assert set(state.samples) == {ok.sum()}
    steps = found.steps.to_pandas()
    counted = (arrays["state_jacobian"] == 0).sum(axis=(2, 3)).astype(float)
    counted[~ok] = np.nan
    np.testing.assert_array_equal(steps.state_zeros, counted.ravel())
    runs = found.durations.to_pandas()
    assert (runs.length * runs["count"]).sum() == ok.sum() * (16 + 4)


def test_zeros_of_two_seeds_are_those_of_each(tmp_path):
    paths = [tmp_path / f"{seed}.h5" for seed in (0, 1)]
    for seed, path in enumerate(paths):
        api_fakes.write(path, seed=seed)
    apart = [ds.zeros(ds.load(path)) for path in paths]
    for k, table in enumerate(ds.zeros(ds.load(paths))):
        assert table.equals(merge_seeds([each[k] for each in apart]))


def test_the_command_line_knows_what_the_extras_bring():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    del extras["robots"]  # data, which is looked for and not imported
    del extras["gymnasium"]  # its environments name it themselves
    packages = {re.match(r"[\w-]+", each)[0] for extra in extras.values() for each in extra}
    imported = {
        "pillow": "PIL",
        "scikit-learn": "sklearn",
        "playground": "mujoco_playground",
        "mujoco-mjx": "mujoco",
    }
    expected = {imported.get(name, name) for name in packages - {"dynsparse"}}
    # Of JAX, Brax and Playground.
    assert expected | {"jaxlib", "flax", "ml_collections"} == OPTIONAL


NO_THRESHOLDS = [0.0, -1.0, float("nan"), float("inf")]


@pytest.mark.parametrize("threshold", [*NO_THRESHOLDS, [], [1e-12, float("nan")]])
def test_a_threshold_is_positive(path, threshold):
    api_fakes.write(path)
    with pytest.raises(ds.DynsparseError, match="should be positive"):
        ds.zeros(ds.load(path), threshold)


@pytest.mark.parametrize("threshold", NO_THRESHOLDS)
def test_so_is_that_of_an_episode(path, threshold):
    api_fakes.write(path)
    with pytest.raises(ds.DynsparseError, match="threshold: .* should be positive"):
        ds.load(path)[0].zeros(threshold)


@pytest.mark.parametrize(
    "number", [2, 2.0, np.float32(2), np.array(2), Decimal(2), Fraction(2), np.array(2, np.uint8)]
)
def test_a_number_is_a_number(number):
    found = positive(number, "threshold")
    assert (type(found), found) == (float, 2.0)


@pytest.mark.parametrize(
    "value",
    [*NO_THRESHOLDS, True, np.True_, np.array(True), "2", b"2", None, 2j, [2.0], np.array([2.0])]
    + [np.array("2"), np.array(np.nan), Decimal("NaN"), Decimal("sNaN"), 10**400],
)
def test_and_nothing_else(value):
    with pytest.raises(ds.DynsparseError, match="threshold: .* should be positive"):
        positive(value, "threshold")


def test_a_derivative_that_is_said_to_be_there_and_is_no_number_is_no_nonzero_element(path):
    spoiled = {"state_jacobian": lambda values: values.__setitem__((1, 2, 0, 0), np.nan)}
    api_fakes.write(path, edits=spoiled)
    data, told = ds.load(path), "x.h5: episode 1: jacobian_ok says of 1 samples"
    with pytest.raises(ds.DynsparseError, match=told):
        data[1].zeros(1e-12)
    with pytest.raises(ds.DynsparseError, match=told):
        ds.zeros(data)
    with open_dataset(path) as dataset, pytest.raises(ds.DynsparseError, match=told):
        list(dataset.episodes())
    assert data[0].zeros(1e-12).shape == (6, 4, 5)
    assert np.isnan(data[1].jacobian("qpos:slider", "qpos:slider")[2])


def test_names_that_differ_in_units_alone_tell_nothing_apart(path):
    names = ("x [m]", "x [rad]", *api_fakes.STATES[2:])
    api_fakes.write(path, state_names=names)
    with pytest.raises(ds.DynsparseError, match="x.h5: 'x' names two dimensions"):
        ds.load(path)


def test_what_a_type_checker_would_refuse_gets_one_line_too(path):
    """In a process of its own: while tests run, types are checked."""
    api_fakes.write(path)
    api_fakes.write_study(path.with_name("micro"))
    asked = {
        "should be positive": [
            *(f"data.{call}" for call in ("episodes[0].zeros(True)", "episodes[0].zeros('1')")),
            *(f"ds.zeros(data, {each})" for each in ("True", "'1e-12'", "None", "[True]")),
            *(f"Windows(data, threshold={each})" for each in ("True", "None")),
            *(f"Windows(data, split='test', shares=({each}, 0.1))" for each in ("'a'", "True")),
            *(
                f"ds.Dataset.from_arrays(state_jacobian=J, control_dt_s={e})"
                for e in ("'a'", "True")
            ),
        ],
        "should be a whole number": [
            *(f"Windows(data, window={each})" for each in ("2.5", "True", "'3'", "data")),
            *(f"Windows(data, split='test', number={each})" for each in ("0.5", "None", "-1")),
        ],
        "should be two, such as": [
            *(f"Windows(data, split='test', shares={e})" for e in ("0.1", "(0.1,)", "None"))
        ],
        "a file, several files, a study's folder or": [
            *(f"ds.load({each})" for each in ("None", "3", "[None]", "[1.5]"))
        ],
        "study['CartpoleBalance', 'random']": [
            *(
                f"study[{each}]"
                for each in ("'CartpoleBalance'", "0", "None", "()", "'a', 'b', 'c'")
            )
        ],
        "has no case": [*(f"study[{each}]" for each in ("'A', None", "0, 'random'", "[], {}"))],
        "2 names are needed": [
            "ds.Dataset.from_arrays(state_jacobian=np.zeros((5, 2, 2)), state_names=['a', 1])"
        ],
    }
    code = f"""
import numpy as np, dynsparse as ds
from dynsparse.api.transitions import Windows
data, study = ds.load({str(path)!r}), ds.load({str(path.with_name("micro"))!r})
J = np.zeros((5, 1, 1))
for wanted, calls in {asked!r}.items():
    for call in calls:
        try:
            eval(call)
        except ds.DynsparseError as error:
            assert wanted in str(error) and str(error).isprintable(), (call, error)
        else:
            raise AssertionError(call)
"""
    python(code)


def test_jacobians_of_any_simulator_are_a_dataset():
    rng = np.random.default_rng(0)
    jacobian = np.where(rng.random((50, 3, 3)) < 0.4, 0, rng.normal(size=(50, 3, 3)))
    jacobian[7] = np.nan
    data = ds.Dataset.from_arrays(
        state_jacobian=jacobian,
        action_jacobian=np.ones((50, 3, 1)),
        state_names=["x [m]", "v [m/s]", "load"],
        control_dt_s=0.1,
    )
    assert data.units["v"] == "m/s"
    assert data.units["load"] == "1"
    np.testing.assert_array_equal(data[0].jacobian("x", "load"), jacobian[:, 0, 2])
    elements = ds.zeros(data).elements.to_pandas()
    zeros = elements[elements.jacobian == "state"].zeros
    np.testing.assert_array_equal(zeros, (jacobian == 0).sum(axis=0).ravel())
    assert set(elements.samples) == {49}
    assert data[0].action.shape == (50, 1)
    assert np.isnan(data[0].action).all()


def test_without_actions_there_is_the_state_alone():
    data = ds.Dataset.from_arrays(state_jacobian=np.zeros((2, 5, 3, 3)))
    assert len(data) == 2
    assert data[0].jacobian().shape == (5, 3, 3)
    assert len(ds.zeros(data).elements) == 9


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"state_jacobian": np.zeros((5, 3, 2))}, r"state_jacobian: \(5, 3, 2\)"),
        ({"state_jacobian": np.zeros((5, 3, 3), object)}, "real numbers"),
        (
            {"state_jacobian": np.zeros((5, 2, 2)), "action_jacobian": np.zeros((4, 2, 1))},
            r"action_jacobian: .*should be \(1, 5, 2, da\)",
        ),
        ({"state_jacobian": np.zeros((5, 2, 2)), "state_names": ["a", "a"]}, "'a' names two"),
        ({"state_jacobian": np.zeros((5, 2, 2)), "state_names": ["a [m]", "a"]}, "'a' names two"),
        ({"state_jacobian": np.zeros((5, 2, 2)), "state_names": ["a"]}, "2 names are needed"),
        (
            {
                "state_jacobian": np.zeros((5, 1, 1)),
                "action_jacobian": np.zeros((5, 1, 1)),
                "state_names": ["a"],
                "action_names": ["a [N]"],
            },
            "'a' names two dimensions of state and action",
        ),
        ({"state_jacobian": np.zeros((0, 3, 3))}, "no step, or no state"),
        ({"state_jacobian": np.zeros((0, 5, 3, 3))}, "no step, or no state"),
        ({"state_jacobian": np.zeros((5, 0, 0))}, "no step, or no state"),
        *(
            ({"state_jacobian": np.zeros((5, 1, 1)), "control_dt_s": dt_s}, "control_dt_s: .*posit")
            for dt_s in (0.0, -0.1, np.nan, np.inf)
        ),
        ({"state_jacobian": np.zeros((5, 2, 2)), "reward": np.zeros(4)}, "reward"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, what):
    with pytest.raises(ds.DynsparseError, match=what):
        ds.Dataset.from_arrays(**arrays)
