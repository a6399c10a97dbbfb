"""Architectures that find a local graph, each on two bodies that couple in contact alone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import two_bodies

from dynsparse.learning.models.switch import ExpertSettings, Switch
from dynsparse.learning.training.losses import Truth
from dynsparse.precision import precision
from dynsparse.scores.agreement import adjusted_rand_index
from dynsparse.sparsity.links import Link, Linkage, Part

BODY = {"units": 16, "features": 3, "gate_units": 16}
ATTENTION = {"heads": 4, "token": 8, "hard": True, "gate_units": 12, "price": 0.014}
# Two bodies as parts and a link: a next position sees the velocity, and no force.
LINKAGE = Linkage(
    5,
    ((0, 1), (1,), (2, 3), (3,)),
    (Part((0,), ()), Part((1,), (1, 4)), Part((2,), ()), Part((3,), (3,))),
    (Link("contact", (1, 3), (0, 1, 2, 3), (0, 1, 2, 3)),),
)
# Epochs, and the settings of each.
SMALL = {
    "gated": (320, {**BODY, "gate_units": 12, "price": 0.015}),
    "quantised": (120, {**BODY, "price": 0.03, "codes": 4, "code_size": 8}),
    "switching": (120, {**BODY, "price": 0.03, "experts": 4, "persistence": 0.001}),
    "piecewise": (120, {"gate_units": 16, "price": 0.02, "experts": 4, "persistence": 0.001}),
    "taught": (60, {**BODY, "price": 1.0}),
    "attention": (160, ATTENTION),
    "contact-graph": (40, {"units": 16, "sent": 8, "price": 0.005, "linkage": LINKAGE}),
}
TRAIN, TEST = two_bodies.samples(4000, 1), two_bodies.samples(500, 2)


def chosen(name):
    epochs, own = SMALL[name]
    return two_bodies.settings(name, epochs=epochs, **own)


@functools.cache
def found(name):
    """Two seeds, trained."""
    return two_bodies.trained(chosen(name), TRAIN, TEST)


def trained(name):
    """The model of the first seed."""
    return jax.tree.map(lambda leaf: leaf[0], found(name).models)


@pytest.fixture(params=SMALL)
def name(request):
    return request.param


def test_it_finds_the_local_graph(name):
    mine = found(name)
    # The mean alone has an error of about one.
    assert mine.squared.mean() < 0.05
    assert (two_bodies.skill(mine, TEST, TRAIN) > 0.5).all()
    for share in two_bodies.exact(mine, TEST):
        assert (share > 0.9).all()


def test_what_its_own_graph_closes_is_zero_to_the_last_bit(name):
    mine = found(name)
    assert mine.size.dtype == np.float32
    closed = mine.graph < 0.5
    assert 0.2 < closed.mean() < 0.8
    assert not mine.size[closed].any()


def test_derivatives_agree_with_differences(float64, name):
    """Those by inputs and those by weights, in 20 samples; steps are too small to flip a gate."""
    model = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), trained(name))
    x = jnp.asarray(TEST.inputs[:20], jnp.float64)
    leaves, structure = jax.tree.flatten(model)
    step = 1e-6

    @jax.jit
    def differences():
        predict = jax.vmap(lambda moved: model(x + moved))
        ahead, behind = (predict(sign * step * jnp.eye(5)) for sign in (1, -1))
        way = [jnp.cos(1.0 + 7 * jnp.arange(leaf.size)).reshape(leaf.shape) for leaf in leaves]

        def total(size):
            there = [leaf + size * by for leaf, by in zip(leaves, way, strict=True)]
            return jnp.sin(jax.tree.unflatten(structure, there)(x)).sum()

        by_inputs = jnp.moveaxis(ahead - behind, 0, 2) / (2 * step)
        by_weights = (total(step) - total(-step)) / (2 * step)
        return by_inputs, model.linearise(x)[1], by_weights, jax.grad(total)(0.0)

    by_inputs, jacobian, by_weights, slope = differences()
    # Central differences err by the third derivative times the step squared, and by rounding.
    np.testing.assert_allclose(jacobian, by_inputs, atol=1e-7)
    np.testing.assert_allclose(slope, by_weights, rtol=1e-5, atol=1e-6)


def test_a_seed_is_not_touched_by_the_others(name):
    """The same seed, among others and in another place: the same bits."""
    epoch = two_bodies.epoch_of(chosen(name))
    with precision("float32"):
        data, leaves = two_bodies.on_device(TRAIN), []
        for seeds in ((1, 2), (2, 3)):
            learner, _ = epoch(two_bodies.created(chosen(name), seeds), data, 1, len(data.inputs))
            leaves.append(jax.tree.leaves(learner.model))
    for one, other in zip(*leaves, strict=True):
        np.testing.assert_array_equal(one[1], other[0])


def test_a_seed_alone_is_the_seed_among_others():
    """Another number of seeds is another program, which may round otherwise: hence a tolerance."""
    mine = chosen("quantised")
    with precision("float32"):
        data, leaves = two_bodies.on_device(TRAIN), []
        for seeds in ((1, 2), (2,)):
            learner, _ = two_bodies.epoch_of(mine)(
                two_bodies.created(mine, seeds), data, 1, len(data.inputs)
            )
            leaves.append(jax.tree.leaves(learner.model))
    for among, alone in zip(*leaves, strict=True):
        np.testing.assert_allclose(among[1], alone[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("regimes", ["quantised", "switching", "piecewise"])
def test_regimes_are_contact_or_not(regimes):
    regime = np.asarray(jax.jit(type(trained(regimes)).regime)(trained(regimes), TEST.inputs))
    # 0 is chance.
    assert adjusted_rand_index(regime, TEST.contact.astype(int)) > 0.3


def test_another_expert_in_the_next_state_has_its_price(float64):
    x, after = (jax.random.normal(jax.random.key(k), (50, 5)) for k in (1, 2))
    truth = Truth(after[:, :4], jnp.zeros((50, 4, 5)), jnp.zeros((50, 4, 5), bool))

    @jax.jit
    def priced():
        switches = [
            Switch.create(ExpertSettings(8, 3, 0.5, persistence), 5, 4, key=jax.random.key(0))
            for persistence in (0.0, 2.0)
        ]
        # The next state, under the same action.
        later = jnp.concatenate([after[:, :4], x[:, 4:]], axis=1)
        now, then = (jax.nn.softmax(switches[0].chances(each), axis=1) for each in (x, later))
        penalties = [switch.penalty(x, truth, jax.random.key(3)) for switch in switches]
        return penalties, (now * then).sum(axis=1).mean()

    (without, with_change), same = priced()
    np.testing.assert_allclose(with_change - without, 2 * (1 - same))


def test_soft_attention_has_weights_for_a_graph_and_no_zeros(record_property):
    soft = two_bodies.settings("attention", epochs=30, **{**ATTENTION, "hard": False})
    mine = two_bodies.trained(soft, TRAIN, TEST)
    assert mine.squared.mean() < 0.05
    assert (mine.size > 0).mean() > 0.99
    # Weights, halved with what stays, are shares.
    np.testing.assert_allclose(mine.graph.sum(axis=-1), 1, rtol=1e-5)
    record_property("skill", two_bodies.skill(mine, TEST, TRAIN).tolist())
