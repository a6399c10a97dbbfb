"""The contact graph network on real linkages: what it may use, what it keeps, and what it costs."""

import functools
import json
import subprocess
import sys
from dataclasses import asdict, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from api_fakes import write_study
from learning_fakes import section

import dynsparse as ds
from dynsparse.benchmark.learners import PRIVILEGE, _told
from dynsparse.environments.structures import environment_links, structures
from dynsparse.learning.jobs.train import train_models
from dynsparse.learning.models.contact_graph import ContactGraph, ContactGraphSettings
from dynsparse.learning.training import checkpoint
from dynsparse.learning.training.losses import Truth
from dynsparse.sparsity.links import Link, Linkage, Part, reached

SMALL = ContactGraphSettings(units=6, sent=3, price=0.5)
# One of them has no link, one has two parts that the solver alone ties.
REAL = ["BallInCup", "FingerSpin", "CheetahRun", "ReacherHard", "PointMass"]
# Each hears of the next: three links on the way from the last to the first.
CHAIN = Linkage(
    5,
    tuple((k,) for k in range(4)),
    tuple(Part((k,), (k,)) for k in range(4)),
    tuple(Link(f"{k}", (k, k + 1), (k,), (k, 4)) for k in range(3)),
)


links_of = functools.cache(environment_links)


@pytest.fixture(params=[*REAL, "chain"])
def linkage(request):
    return CHAIN if request.param == "chain" else links_of(request.param)


@functools.cache
def model_of(linkage):
    """A model whose weights are all moved from where they start."""

    @jax.jit
    def made():
        mine = ContactGraph.create(
            replace(SMALL, linkage=linkage), linkage.inputs, linkage.outputs, key=jax.random.key(0)
        )
        return jax.tree.map(lambda leaf: leaf + 0.1 * jnp.cos(1.0 + 7 * leaf), mine)

    return made()


def with_gates(model, are_open):
    """The model whose gates are open or closed, whatever they look at."""
    bias = jnp.where(jnp.asarray(are_open), 1e3, -1e3)[:, None]
    return eqx.tree_at(lambda m: m.watch.biases[-1], model, bias.astype(jnp.float32))


@jax.jit
def size_of(model, x):
    return jnp.abs(model.linearise(x)[1])


@jax.jit
def logits_of(model, x):
    return model.logits(x)


def inputs_of(linkage):
    return jax.random.normal(jax.random.key(1), (20, linkage.inputs))


def test_it_uses_what_open_links_allow_and_nothing_else(linkage):
    count, rng = len(linkage.links), np.random.default_rng(0)
    model, x = model_of(linkage), inputs_of(linkage)
    some = rng.random((3, count)) < 0.5
    for are_open in (np.zeros(count, bool), np.ones(count, bool), *some):
        size = np.asarray(size_of(with_gates(model, are_open), x))
        assert size.dtype == np.float32
        allowed = reached(linkage, are_open)
        assert not size[:, ~allowed].any()
        assert (size[:, allowed].max(axis=0) > 0).all()


@pytest.mark.parametrize("name", REAL)
def test_with_open_gates_it_uses_what_is_not_proved_to_be_zero(name):
    linkage = links_of(name)
    model = with_gates(model_of(linkage), np.ones(len(linkage.links), bool))
    used = np.asarray(size_of(model, inputs_of(linkage))).max(axis=0) > 0
    rows = structures([name]).to_pylist()
    offset = {"state": 0, "action": linkage.outputs}
    proved = {(r["row"], r["column"] + offset[r["jacobian"]]) for r in rows if r["structural"]}
    assert set(map(tuple, np.argwhere(~used).tolist())) == proved


def test_its_graph_is_that_of_its_gates(linkage):
    model, x = model_of(linkage), inputs_of(linkage)
    chances = np.asarray(jax.nn.sigmoid(logits_of(model, x)))
    assert chances.shape == (20, len(linkage.links))
    graph = np.asarray(jax.jit(ContactGraph.graph)(model, x))
    # The same algebra in NumPy and in JAX.
    np.testing.assert_allclose(graph, reached(linkage, chances), rtol=1e-6)


def test_an_open_gate_has_its_price(linkage):
    model, x = model_of(linkage), inputs_of(linkage)
    truth = Truth(x[:, :1], jnp.zeros((20, 1, 1)), jnp.zeros((20, 1, 1), bool))
    priced = jax.jit(lambda each: each.penalty(x, truth, jax.random.key(2)))
    if not linkage.links:
        assert priced(model) is None
        return
    chances = jax.nn.sigmoid(logits_of(model, x))
    np.testing.assert_allclose(priced(model), 0.5 * chances.mean(), rtol=1e-6)
    assert priced(with_gates(model, np.zeros(len(linkage.links), bool))) == 0


def test_a_gate_sees_its_link_alone_and_without_derivative(linkage):
    model, x = model_of(linkage), inputs_of(linkage)
    before = np.asarray(logits_of(model, x))
    for number, link in enumerate(linkage.links):
        others = [k for k in range(linkage.inputs) if k not in link.seen]
        moved = np.asarray(logits_of(model, x.at[:, jnp.asarray(others, int)].add(1.0)))
        np.testing.assert_array_equal(moved[:, number], before[:, number])
        felt = np.asarray(logits_of(model, x.at[:, jnp.asarray(link.seen, int)].add(1.0)))
        assert (felt[:, number] != before[:, number]).any()
    slope = jax.jit(jax.grad(lambda each: model.logits(each).sum()))(x)
    assert not np.asarray(slope).any()


def test_a_linkage_of_another_environment_is_refused():
    chosen = replace(SMALL, linkage=CHAIN)
    with pytest.raises(ValueError, match="of another environment"):
        ContactGraph.create(chosen, 4, 4, key=jax.random.key(0))


def test_settings_know_an_environment_and_recall_it():
    known = SMALL.knowing("FingerSpin")
    assert known.linkage == links_of("FingerSpin")
    assert SMALL.recalling(json.loads(json.dumps(asdict(known)))) == known
    assert "linkage" not in SMALL.choices()
    with pytest.raises(ds.DynsparseError, match="'FingerSpi' does not exist"):
        SMALL.knowing("FingerSpi")


LEARNER = {"architecture": "contact-graph", "loss": "state", "units": 8, "sent": 4, "price": 0.1}
# What a model is loaded by; simulators cannot be imported.
LOAD = """
import json, sys
for name in ("mujoco", "mujoco.mjx", "mujoco_playground", "brax"):
    sys.modules[name] = None
import dynsparse as ds
model = ds.load(sys.argv[1]).world_model("CartpoleBalance", "links", seed=2)
found = model.linearise([0.1, 0.2, 0.3, 0.4], [0.5])
print(json.dumps([found.next_state.tolist(), found.state_jacobian.tolist()]))
"""


@pytest.fixture
def learned(cartpole_file, tmp_path):
    chosen = section(learners={"links": LEARNER}, splits={"episode": 1})
    return chosen, train_models([cartpole_file], chosen, "links", tmp_path / "unfinished")


def test_a_study_trains_it_and_its_models_load_without_a_simulator(learned, tmp_path):
    chosen, job = learned
    sources = {row["source"] for row in job.tables["recovery"].to_pylist()}
    assert {"model", "graph"} <= sources
    assert job.about["told"] == []
    folder = tmp_path / "results" / "micro"
    environments = {**chosen, "environments": ["CartpoleBalance"]}
    write_study(folder, learning=environments)
    path = folder / "learning/CartpoleBalance/random/links/models.safetensors"
    path.parent.mkdir(parents=True)
    checkpoint.write(path, job.arrays, {**job.about, "section": environments})
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)], capture_output=True, text=True, check=True
    )
    prediction, jacobian = json.loads(done.stdout)

    linkage = links_of("CartpoleBalance")
    settings = ContactGraphSettings(8, 4, 0.1, linkage)
    made = ContactGraph.create(settings, 5, 4, key=jax.random.key(0))
    stacked = checkpoint.restored("episode-0.model", made, job.arrays)
    one = jax.tree.map(lambda leaf: leaf[1], stacked)
    scale = {
        name: job.arrays[f"episode-0.scaler.{name}"]
        for name in ("input_mean", "input_scale", "output_mean", "output_scale")
    }
    x = (np.array([[0.1, 0.2, 0.3, 0.4, 0.5]]) - scale["input_mean"]) / scale["input_scale"]
    mine = np.asarray(one(jnp.asarray(x, jnp.float32)), float)[0]
    np.testing.assert_allclose(
        prediction, mine * scale["output_scale"] + scale["output_mean"], rtol=1e-5, atol=1e-6
    )
    assert np.shape(jacobian) == (4, 4)


def test_its_card_says_that_it_was_told_the_models_file():
    assert _told(LEARNER) == ("model-xml",)
    assert "model-xml" in PRIVILEGE.values()
