import json
import pickle

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from dynsparse.errors import DynsparseError
from dynsparse.policies.checkpoint import FORMAT, Policy, load_policy, save_policy


def a_policy(hidden: int = 32) -> Policy:
    rng = np.random.default_rng(0)
    sizes = [6, hidden, hidden, hidden, hidden, 4]
    layers = tuple(
        (rng.normal(size=pair).astype(np.float32), rng.normal(size=pair[1]).astype(np.float32))
        for pair in zip(sizes, sizes[1:], strict=False)
    )
    mean, std = rng.normal(size=6).astype(np.float32), np.ones(6, np.float32)
    return Policy("ReacherHard", mean, std, layers, "swish", seed=3, steps=1234)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "policy.safetensors"
    save_policy(path, a_policy(), card={"returns": [1.0]})
    return path


def test_reads_back_what_was_written(saved):
    policy, original = load_policy(saved, "ReacherHard", 6, 2), a_policy()
    assert (policy.environment, policy.activation, policy.seed, policy.steps) == (
        *("ReacherHard", "swish"),
        *(3, 1234),
    )
    assert (policy.observation_size, policy.action_size) == (6, 2)
    np.testing.assert_array_equal(policy.mean, original.mean)
    for (kernel, bias), (kernel_before, bias_before) in zip(
        policy.layers, original.layers, strict=True
    ):
        np.testing.assert_array_equal(kernel, kernel_before)
        np.testing.assert_array_equal(bias, bias_before)


def test_is_small_even_with_a_wide_network(tmp_path):
    path = tmp_path / "policy.safetensors"
    save_policy(path, a_policy(hidden=128), card={})
    assert path.stat().st_size < 300_000


def test_same_policy_gives_same_bytes(saved, tmp_path):
    again = tmp_path / "again.safetensors"
    save_policy(again, a_policy(), card={"returns": [1.0]})
    assert again.read_bytes() == saved.read_bytes()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"environment": "CheetahRun"}, "environment is ReacherHard, not CheetahRun"),
        ({"observation_size": 17}, "observation size is 6, not 17"),
        ({"action_size": 6}, "action size is 2, not 6"),
    ],
)
def test_refuses_a_policy_made_for_something_else(saved, wanted, message):
    with pytest.raises(DynsparseError, match=message) as caught:
        load_policy(saved, **wanted)
    assert str(saved) in str(caught.value)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(DynsparseError, match="no such policy file"):
        load_policy(tmp_path / "absent.safetensors")


def test_refuses_a_truncated_file(saved):
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(DynsparseError, match="not a policy, or damaged"):
        load_policy(saved)


def test_refuses_a_pickle_without_loading_it(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was loaded",))

    path = tmp_path / "policy.pkl"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DynsparseError, match="not a policy, or damaged"):
        load_policy(path)


def test_refuses_another_safetensors_file(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(DynsparseError, match="its header has no 'dynsparse-policy'"):
        load_policy(path)


def rewrite(path, drop=(), **changes):
    with safe_open(path, framework="np") as stream:
        header = json.loads(stream.metadata()[FORMAT])
    arrays = {k: v for k, v in load_file(path).items() if k not in drop}
    save_file(arrays, path, {FORMAT: json.dumps(header | changes)})


def test_refuses_another_schema_version(saved):
    rewrite(saved, schema_version=99)
    with pytest.raises(DynsparseError, match="schema 99; this code reads 1"):
        load_policy(saved)


@pytest.mark.parametrize("changes", [{"layers": 4}, {"observation_size": 7}])
def test_refuses_a_header_that_does_not_fit_the_arrays(saved, changes):
    rewrite(saved, **changes)
    with pytest.raises(DynsparseError, match="not a whole policy"):
        load_policy(saved)


def test_refuses_a_missing_layer(saved):
    rewrite(saved, drop=("layer.2.bias",))
    with pytest.raises(DynsparseError, match=r"not a whole policy: 'layer\.2\.bias'"):
        load_policy(saved)
