"""What an architecture may be: a toy with gates, one that is told the truth, and the documents'."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from learning_fakes import section, write_slider

from dynsparse.learning.jobs.train import train_models
from dynsparse.learning.models import ARCHITECTURES, ModelSettings, WorldModel
from dynsparse.learning.settings import training_settings
from dynsparse.learning.training import epochs
from dynsparse.learning.training.losses import Truth

PAGE = Path(__file__).parents[2] / "docs/learning.md"


@dataclass(frozen=True)
class GatedSettings(ModelSettings):
    price: float


class Gated(WorldModel):
    """A linear map with a gate on every element that looks at the sample.

    A gate sees the input without a derivative: what it closes has none, and it learns all the same.
    """

    Settings: ClassVar = GatedSettings

    matrix: jax.Array
    gate: jax.Array
    price: float = eqx.field(static=True)

    @classmethod
    def create(cls, settings, inputs, outputs, *, key):
        matrix, gate = jax.random.normal(key, (2, outputs, inputs))
        return cls(matrix, jnp.stack([gate] * inputs), settings.price)

    def chance(self, x):
        return jax.nn.sigmoid(jnp.einsum("bk,kij->bij", jax.lax.stop_gradient(x), self.gate))

    def __call__(self, x, key=None):
        chance = self.chance(x)
        gates = chance + jax.lax.stop_gradient((chance > 0.5) - chance)
        return jnp.einsum("bij,ij,bj->bi", gates, self.matrix, x)

    def penalty(self, x, truth, key):
        return self.price * self.chance(x).mean()

    def graph(self, x):
        return self.chance(x)


class Oracle(Gated):
    """Its gates are what is true of the sample."""

    privileged: ClassVar = ("zero",)
    gates: jax.Array | None = None

    def told(self, facts):
        known = 1.0 - facts["zero"]
        return eqx.tree_at(lambda m: m.gates, self, known, is_leaf=lambda leaf: leaf is None)

    def chance(self, x):
        return self.gates


@pytest.fixture
def kinds(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "gated", Gated)
    monkeypatch.setitem(ARCHITECTURES, "oracle", Oracle)


def learners(**changes):
    mine = {"loss": "state-jacobian", "weight": 1.0, "price": 0.1, **changes}
    return {name: {"architecture": name, **mine} for name in ("gated", "oracle")}


@pytest.fixture
def job(kinds, tmp_path):
    """A learner of a kind, trained on the slider for two epochs."""
    path = write_slider(tmp_path / "a.h5")

    def trained(name):
        return train_models([path], section(learners=learners()), name, tmp_path / "unfinished")

    return trained


def scores(job, source):
    wanted = {"source": source, "elements": "all", "regime": "all", "average": "micro"}
    rows = job.tables["recovery"].to_pylist()
    return [r["auroc"] for r in rows if all(r[key] == value for key, value in wanted.items())]


def test_a_model_with_gates_is_trained_and_scored_by_them_too(job):
    found = job("gated")
    # Two splits and two seeds.
    assert len(scores(found, "graph")) == len(scores(found, "model")) == 4
    assert found.about["settings"]["model"] == {"price": 0.1}
    assert found.about["told"] == []
    assert found.tables["rollout"].num_rows > 0
    for name in ("matrix", "gate"):
        assert np.isfinite(found.arrays[f"episode-0.model.{name}"]).all()


def test_a_model_that_is_told_the_zeros_has_no_other(job):
    found = job("oracle")
    assert found.about["told"] == ["zero"]
    assert scores(found, "graph") == scores(found, "model") == [1.0] * 4
    assert all(score < 1 for score in scores(found, "permuted"))
    assert found.tables["rollout"].num_rows > 0


def test_what_a_gate_closes_has_no_derivative(float64, kinds):
    model = Gated.create(GatedSettings(0.1), 4, 3, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (50, 4))
    open_ = np.asarray(model.graph(x)) > 0.5
    assert 0.2 < open_.mean() < 0.8
    jacobian = np.asarray(model.linearise(x)[1])
    # Rounding is of an open gate's one; a closed one is zero to the last bit.
    np.testing.assert_allclose(jacobian, np.where(open_, model.matrix, 0.0), rtol=1e-14, atol=0)
    slope = jax.grad(lambda m: (m(x) ** 2).sum())(model)
    assert np.asarray(slope.gate).any()


def test_a_penalty_of_its_own_is_part_of_the_loss(float64, kinds):
    x = jax.random.normal(jax.random.key(1), (50, 4))
    zeros = jnp.zeros((50, 3, 4))
    data = epochs.Data(x, x[:, :3], zeros, zeros == 1)
    models = [
        Gated.create(GatedSettings(price), 4, 3, key=jax.random.key(0)) for price in (0.0, 2.0)
    ]
    chosen = training_settings(section(learners=learners()), "gated")
    without, priced = (epochs._loss(chosen, m, data, jax.random.key(2)) for m in models)
    np.testing.assert_allclose(priced - without, 2 * models[0].chance(x).mean())
    truth = Truth(data.next_state, data.jacobian, data.zero)
    assert ARCHITECTURES["mlp"].penalty(models[0], x, truth, jax.random.key(0)) is None


def test_the_architecture_of_the_documents_is_one(monkeypatch, tmp_path):
    """The example of docs/learning.md, registered and trained."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    scope = {"__name__": __name__}
    exec(code, scope)
    monkeypatch.setitem(ARCHITECTURES, "quadratic", scope["Quadratic"])
    mine = {"architecture": "quadratic", "loss": "state-jacobian-l1", "weight": 1.0, "scale": 0.1}
    path = write_slider(tmp_path / "a.h5")
    found = train_models([path], section(learners={"mine": mine}), "mine", tmp_path / "unfinished")
    last = [row for row in found.tables["curves"].to_pylist() if row["epoch"] == 2]
    first = [row for row in found.tables["curves"].to_pylist() if row["epoch"] == 0]
    for before, after in zip(first, last, strict=True):
        assert after["test_state_mse"] < before["test_state_mse"]
