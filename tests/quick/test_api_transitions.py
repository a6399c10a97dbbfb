"""Transitions: the truth, in windows, by whole episodes, at every level of who acts on whom."""

import json
import pickle

import api_fakes
import numpy as np
import pytest

import dynsparse as ds
from dynsparse.api.given import whole
from dynsparse.api.groups import LEVELS, Groups, groups
from dynsparse.api.transitions import Windows
from dynsparse.learning.data.splits import Episodes, by_episode


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.h5"


def jacobian(arrays):
    both = (arrays["state_jacobian"], arrays["action_jacobian"])
    return np.concatenate(both, axis=-1).reshape(-1, 4, 5)


def test_every_step_with_a_derivative_is_a_sample(path):
    arrays = api_fakes.write(path)
    found = Windows(path)
    ok = arrays["jacobian_ok"].ravel()
    assert len(found) == ok.sum() == 23
    x, y, graph = found.batch(range(len(found)))
    state, action = (arrays[name].reshape(24, -1)[ok] for name in ("state", "action"))
    np.testing.assert_array_equal(x, np.concatenate([state, action], axis=1), strict=True)
    np.testing.assert_array_equal(y, arrays["next_state"].reshape(24, -1)[ok], strict=True)
    np.testing.assert_array_equal(graph, jacobian(arrays)[ok] != 0, strict=True)
    assert found.columns[-1] == "ctrl:slide"
    assert len(Windows(path, all=True)) == 24


def test_a_sample_is_its_row_of_a_batch(path):
    api_fakes.write(path)
    for options in ({}, {"window": 3}, {"level": "body"}):
        found = Windows(path, **options)
        batch = found.batch([5, 2, 5])
        for row, index in enumerate([5, 2, 5]):
            for one, many in zip(found[index], batch, strict=True):
                np.testing.assert_array_equal(one, many[row], strict=True)
    with pytest.raises(IndexError):
        found[len(found)]


def test_windows_stay_in_an_episode_and_leave_out_what_has_no_derivative(path):
    arrays = api_fakes.write(path)
    found = Windows(path, window=3)
    assert len(found) == 3 + 3 * 4
    x, _, graph = found.batch([0, 3])
    assert x.shape == (2, 3, 5)
    assert graph.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(x[0, :, :4], arrays["state"][0, :3])
    np.testing.assert_array_equal(x[1, :, :4], arrays["state"][1, :3])
    assert len(Windows(path, window=3, all=True)) == 4 * 4
    with pytest.raises(ds.DynsparseError, match="no sample is left"):
        Windows(path, window=7)


def test_several_files_come_in_the_order_that_was_asked_for(tmp_path):
    paths = [tmp_path / f"{seed}.h5" for seed in (0, 1)]
    arrays = [api_fakes.write(path, seed=seed) for seed, path in enumerate(paths)]
    found = Windows(paths)
    x, _, _ = found.batch([30, 0, 24])
    expected = [arrays[1]["state"].reshape(24, 4)[8], arrays[0]["state"][0, 0]]
    np.testing.assert_array_equal(x[:2, :4], expected)
    np.testing.assert_array_equal(x[2, :4], arrays[1]["state"].reshape(24, 4)[1])


def test_splits_are_of_whole_episodes_and_those_of_a_study(tmp_path):
    paths = [tmp_path / f"{seed}.h5" for seed in (0, 1)]
    arrays = [api_fakes.write(path, seed=seed) for seed, path in enumerate(paths)]
    states = np.concatenate([each["state"] for each in arrays])
    seen = {}
    for number in (0, 1):
        study = by_episode(Episodes(np.arange(8), np.repeat([0, 1], 4)), 0.1, 0.1, number)
        for split in ("train", "validation", "test"):
            found = Windows(paths, split=split, number=number, all=True)
            x = found.batch(range(len(found))).x[:, :4]
            np.testing.assert_array_equal(x, states[getattr(study, split)].reshape(-1, 4))
            seen[split, number] = {tuple(row) for row in x}
        parts = [seen[split, number] for split in ("train", "validation", "test")]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 48
    assert not seen["test", 0] & seen["test", 1]


def test_an_edge_between_groups_is_any_element_that_is_not_zero(path):
    arrays = api_fakes.write(path)
    whole, ok = jacobian(arrays) != 0, arrays["jacobian_ok"].ravel()
    found = Windows(path, level="body")
    assert found.rows == ("cart", "pole_1")
    assert found.columns == ("cart", "pole_1", "action")
    graph = found.batch(range(len(found))).graph
    cart, pole = [0, 2], [1, 3]
    for row, rows in enumerate((cart, pole)):
        for column, columns in enumerate((cart, pole, [4])):
            expected = whole[ok][:, rows][:, :, columns].any(axis=(1, 2))
            np.testing.assert_array_equal(graph[:, row, column], expected)
    assert 0 < graph.mean() < 1
    assert Windows(path, level="tree").batch([0]).graph.shape == (1, 1, 2)


def test_levels_are_nested():
    shipped = json.loads((api_fakes.SHIPPED_GROUPS).read_text())
    assert len(shipped) == 25
    for name, levels in shipped.items():
        sizes = [len(set(levels[level])) for level in LEVELS[1:]]
        assert sizes == sorted(sizes, reverse=True), name
        for fine, coarse in zip(LEVELS[1:], LEVELS[2:], strict=False):
            pairs = set(zip(levels[fine], levels[coarse], strict=True))
            assert len(pairs) == len(set(levels[fine])), name
    assert set(shipped["BallInCup"]["tree"]) == {"cup", "ball"}


def test_what_does_not_exist_is_named(path, tmp_path):
    api_fakes.write(path)
    with pytest.raises(ds.DynsparseError, match="level 'bodies'.*did you mean 'body'"):
        Windows(path, level="bodies")
    with pytest.raises(ds.DynsparseError, match="split 'tests'.*did you mean 'test'"):
        Windows(path, split="tests")
    api_fakes.write(tmp_path / "few.h5", episodes=2)
    with pytest.raises(ds.DynsparseError, match="cannot be split"):
        Windows(tmp_path / "few.h5", split="train")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        *(({"threshold": x}, "threshold: .*positive") for x in (0.0, -1.0, np.nan, np.inf)),
        *(({"window": x}, "window: .*whole number, at least 1") for x in (0, -3)),
        ({"split": "test", "number": -1}, "number: .*at least 0"),
        *(
            ({"split": "test", "shares": x}, "shares: ")
            for x in ((np.nan, 0.1), (0.1, 0.0), (0.1, 1.0), (0.1, -0.1))
        ),
    ],
)
def test_a_number_that_is_none_is_named(path, options, what):
    api_fakes.write(path)
    with pytest.raises(ds.DynsparseError, match=what):
        Windows(path, **options)


def test_a_whole_number_of_numpy_is_one():
    assert whole(np.int64(6), "window", 1) == 6


def test_a_derivative_that_is_no_number_makes_no_graph(path):
    spoiled = {"action_jacobian": lambda values: values.__setitem__((1, 2, 0, 0), np.inf)}
    api_fakes.write(path, edits=spoiled)
    assert len(Windows(path).batch([0, 1]).x) == 2
    with pytest.raises(ds.DynsparseError, match="x.h5: jacobian_ok says of 1 samples"):
        Windows(path).batch(range(23))
    assert len(Windows(path, all=True).batch(range(24)).x) == 24


def test_other_dimensions_than_the_environments_have_no_bodies():
    names = ("a", "b", "c")
    about = api_fakes.info(state_names=names)
    with pytest.raises(ds.DynsparseError, match="has 4 dimensions, the dataset 3"):
        groups(about, "body")
    found = groups(about, "scalar")
    assert isinstance(found, Groups)
    assert found.rows == names


def test_torch_gets_the_same_by_a_loader_with_workers(tmp_path):
    torch = pytest.importorskip("torch")
    paths = [tmp_path / f"{seed}.h5" for seed in (0, 1)]
    for seed, path in enumerate(paths):
        api_fakes.write(path, seed=seed)
    data = ds.torch.Transitions(paths, level="body")
    loader = torch.utils.data.DataLoader(pickle.loads(pickle.dumps(data)), 7, num_workers=2)
    found = [torch.cat(parts).numpy() for parts in zip(*loader, strict=True)]
    expected = Windows(paths, level="body").batch(range(len(data)))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)
    assert data[0][0].dtype == torch.float64
