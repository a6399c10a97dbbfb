import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dynsparse.errors import DynsparseError
from dynsparse.policies import training
from dynsparse.policies.behaviours import make_behaviour
from dynsparse.policies.checkpoint import Policy, load_policy
from dynsparse.policies.evaluation import mean_return
from dynsparse.policies.experts import train_expert
from dynsparse.policies.record import CURVE_SCHEMA, TrainingRecord
from dynsparse.policies.settings import schedule
from dynsparse.policies.shipped import SHIPPED
from dynsparse.running.locks import claimed

PARAMETERS = ({"count": jnp.int32(7)}, {"kernel": jnp.arange(6.0).reshape(2, 3)})
POLICY = Policy(
    environment="ReacherHard",
    mean=np.zeros(2, np.float32),
    std=np.ones(2, np.float32),
    layers=((np.ones((2, 4), np.float32), np.zeros(4, np.float32)),),
    activation="swish",
    seed=0,
    steps=100,
)


def a_record(folder, settings=None):
    return TrainingRecord(folder, "ReacherHard", 0, settings or {"learning_rate": 1e-3})


def test_a_record_goes_on_where_it_stopped(tmp_path):
    first = a_record(tmp_path)
    first.append(100, 5.0, 1.0, POLICY, PARAMETERS)
    doubled = jax.tree.map(lambda x: 2 * x, PARAMETERS)
    first.append(200, 6.0, 1.0, POLICY, doubled)
    second = a_record(tmp_path)
    assert second.steps == 200
    assert second.curve["reward_mean"].to_pylist() == [5.0, 6.0]
    restored = second.restore(PARAMETERS)
    jax.tree.map(np.testing.assert_array_equal, restored, doubled)
    second.append(300, 7.0, 1.0, POLICY, PARAMETERS)
    seconds = second.curve["seconds"].to_numpy()
    assert (np.diff(seconds) >= 0).all()
    assert second.curve.schema.equals(CURVE_SCHEMA)
    assert [load_policy(second.policy_path(n)).steps for n in (100, 200, 300)] == [100] * 3


def test_a_record_killed_before_its_curve_keeps_the_last_whole_evaluation(tmp_path, monkeypatch):
    record = a_record(tmp_path)
    record.append(100, 5.0, 1.0, POLICY, PARAMETERS)

    def killed(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(record, "write_curve", killed)
    with pytest.raises(KeyboardInterrupt):
        record.append(200, 6.0, 1.0, POLICY, jax.tree.map(lambda x: 2 * x, PARAMETERS))
    again = a_record(tmp_path)
    assert again.steps == 100
    jax.tree.map(np.testing.assert_array_equal, again.restore(PARAMETERS), PARAMETERS)


def test_refuses_to_go_on_with_other_settings(tmp_path):
    a_record(tmp_path)
    with pytest.raises(DynsparseError, match="unfinished training run with other settings"):
        a_record(tmp_path, {"learning_rate": 1e-4})


def test_a_second_training_in_a_folder_is_refused_before_anything_is_written(tmp_path):
    with (
        claimed(tmp_path / ".training"),
        pytest.raises(DynsparseError, match=rf"another run .* \(process {os.getpid()} on "),
    ):
        train_expert("CartpoleBalance", 0, {}, tmp_path)
    assert [path.name for path in (tmp_path / ".training").iterdir()] == ["run.lock"]


def test_streams_differ_after_a_resumption():
    streams = {training._stream(seed, steps) for seed in range(3) for steps in (0, 100)}
    assert len(streams) == 6
    assert all(0 <= stream < 2**31 for stream in streams)


def test_the_interval_of_a_mean_return_covers_it():
    value = mean_return(np.array([900.0, 950.0, 1000.0]), seed=0)
    assert value.mean == 950.0
    assert 900.0 <= value.low < 950.0 < value.high <= 1000.0
    assert mean_return(np.full(5, 3.0), seed=0).low == 3.0


@pytest.mark.slow
def test_a_training_killed_twice_ends_within_the_spread_of_undisturbed_ones(tmp_path, monkeypatch):
    append, evaluations = TrainingRecord.append, 4

    def append_then_die_twice(self, *arguments):
        append(self, *arguments)
        if len(self.curve) <= 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingRecord, "append", append_then_die_twice)
    curves = [pq.read_table(path) for path in (SHIPPED / "CheetahRun").glob("*/curve.parquet")]
    length = curves[0]["steps"][0].as_py()
    shorter = {"num_timesteps": evaluations * length, "num_evals": evaluations + 1}
    overrides = schedule(SHIPPED / "schedules.yaml", "CheetahRun") | shorter
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            training.train("CheetahRun", 0, overrides, tmp_path)
    record = training.train("CheetahRun", 0, overrides, tmp_path)
    assert record.steps == evaluations * length
    rows = [curve.filter(pc.equal(curve["steps"], record.steps)) for curve in curves]
    returns = [row["reward_mean"][0].as_py() for row in rows]
    # The range of two or three seeds is narrower than what seeds can do: as much on either side.
    spread = max(returns) - min(returns)
    assert spread > 0
    final = record.curve["reward_mean"][-1].as_py()
    assert min(returns) - spread <= final <= max(returns) + spread


TINY = {
    "num_timesteps": 3 * 4 * 8 * 16,
    "num_evals": 4,
    "num_envs": 8,
    "unroll_length": 16,
    "batch_size": 8,
    "num_minibatches": 4,
    "num_updates_per_batch": 1,
    "num_eval_envs": 4,
    "num_resets_per_eval": 0,
    "learning_rate_schedule": "ADAPTIVE_KL",
    "network_factory": {"value_hidden_layer_sizes": [8]},
}


@pytest.mark.slow
def test_a_killed_training_ends_after_the_same_steps(tmp_path, monkeypatch):
    append, killed = TrainingRecord.append, []

    def append_then_die_once(self, *arguments):
        append(self, *arguments)
        if not killed:
            killed.append(self.steps)
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingRecord, "append", append_then_die_once)
    with pytest.raises(KeyboardInterrupt):
        train_expert("CartpoleBalance", 0, TINY, tmp_path)
    assert killed == [512]
    assert sorted(p.name for p in tmp_path.iterdir()) == [".training"]
    train_expert("CartpoleBalance", 0, TINY, tmp_path)
    curve = pq.read_table(tmp_path / "curve.parquet")
    assert curve["steps"].to_pylist() == [512, 1024, 1536]
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["steps"] == 1536
    assert card["expert"]["evaluation"]["stochastic"]["episodes"] == 128
    assert card["half"]["steps"] in curve["steps"].to_pylist()
    policy = tmp_path / "policy.safetensors"
    action = make_behaviour("expert", "CartpoleBalance", 0, policy)(
        jnp.zeros(5), jax.random.PRNGKey(0)
    )
    assert action.shape == (1,)
    assert not (tmp_path / ".training").exists()
