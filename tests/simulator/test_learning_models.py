"""Networks: their Jacobians in closed form against automatic differentiation, and their dropout."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dynsparse.learning.models import ARCHITECTURES, MLP, WorldModel
from dynsparse.learning.models.activations import ACTIVATIONS
from dynsparse.learning.models.attention import Attention, AttentionSettings
from dynsparse.learning.models.mlp import MLPSettings
from dynsparse.precision import precision

# Rounding of a few hundred float64 additions.
EXACT = {"rtol": 1e-11, "atol": 1e-12}


def network(inputs, outputs, depth=2, activation="elu", dropout=0.3, width=12):
    model = MLPSettings(depth, width, activation, dropout)
    network = ARCHITECTURES["mlp"].create(model, inputs, outputs, key=jax.random.key(3))
    # Biases start at zero; a trained network has others.
    biases = tuple(jnp.linspace(-1, 1, len(bias)) for bias in network.biases)
    return eqx.tree_at(lambda tree: tree.biases, network, biases)


def per_sample(differentiate, model, x, key):
    """Jacobians by JAX's own differentiation, under the same dropout, one sample at a time."""
    whole = differentiate(lambda inputs: model(inputs, key))(x)
    return jnp.stack([whole[number, :, number] for number in range(len(x))])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize(("inputs", "outputs"), [(5, 3), (3, 5)])
@pytest.mark.parametrize("training", [True, False])
def test_the_closed_form_equals_both_modes_of_jax(
    float64, inputs, outputs, depth, activation, training
):
    model = network(inputs, outputs, depth, activation)
    x = jax.random.normal(jax.random.key(0), (6, inputs))
    key = jax.random.key(1) if training else None
    prediction, jacobian = model.linearise(x, key)
    np.testing.assert_array_equal(prediction, model(x, key))
    for differentiate in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(jacobian, per_sample(differentiate, model, x, key), **EXACT)
    np.testing.assert_allclose(jacobian, WorldModel.linearise(model, x, key)[1], **EXACT)


def test_gradients_through_the_closed_form_equal_those_through_jax(float64):
    model = network(5, 3, dropout=0.0)
    x = jax.random.normal(jax.random.key(0), (6, 5))
    ours = jax.grad(lambda m: jnp.sin(m.linearise(x)[1]).sum())(model)
    theirs = jax.grad(lambda m: jnp.sin(WorldModel.linearise(m, x)[1]).sum())(model)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, **EXACT)


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("inputs", "outputs"), [(5, 3), (4, 4)])
def test_attention_in_one_pass_equals_one_input_after_the_other(
    float64, inputs, outputs, training, hard
):
    settings = AttentionSettings(heads=2, token=3, hard=hard, gate_units=8, price=0.1)
    fresh = Attention.create(settings, inputs, outputs, key=jax.random.key(0))
    # Far from the beginning, where all gates are open and nothing changes.
    far = enumerate(jax.tree.leaves(fresh))
    drawn = [leaf + jax.random.normal(jax.random.key(number), leaf.shape) for number, leaf in far]
    model = jax.tree.unflatten(jax.tree.structure(fresh), drawn)
    x = jax.random.normal(jax.random.key(1), (50, inputs))
    key = jax.random.key(2) if training else None
    prediction, jacobian = model.linearise(x, key)
    reference = WorldModel.linearise(model, x, key)[1]
    np.testing.assert_array_equal(prediction, model(x, key))
    np.testing.assert_allclose(jacobian, reference, **EXACT)
    np.testing.assert_array_equal(jacobian == 0, reference == 0)
    assert (jacobian == 0).any() == hard


def test_dropout_is_drawn_for_each_layer_and_sample():
    model = network(5, 3, depth=3, dropout=0.3, width=500)
    kept = np.asarray(model._kept(jax.random.key(1), 40)).reshape(3, 40, 500)
    np.testing.assert_allclose(kept.mean(axis=2), 0.7, atol=0.12)  # five standard deviations
    # Any two rows agree in as many units as independent ones: 0.7^2 + 0.3^2 of them.
    rows = kept.reshape(120, 500).astype(float)
    agree = (rows @ rows.T + (1 - rows) @ (1 - rows).T) / 500
    apart = agree[~np.eye(120, dtype=bool)]
    assert apart.min() > 0.58 - 0.15 and apart.max() < 0.58 + 0.15
    other = np.asarray(model._kept(jax.random.key(2), 40))
    assert abs((other == kept).mean() - 0.58) < 0.02


def test_layers_lose_units_of_their_own(float64):
    """A unit hands on what it has: it would be twice on, or twice off, by one mask for all."""
    model = network(5, 1, depth=2, dropout=0.3, width=4000)
    plain = (jnp.ones((4000, 5)), jnp.eye(4000), jnp.ones((1, 4000)) / 4000)
    model = eqx.tree_at(lambda tree: tree.weights, model, plain)
    found = model(jnp.ones((1, 5)), jax.random.key(1))[0, 0]
    # The mean of 4000 products is known to a hundredth; one mask would give 1 / 0.7 times as much.
    np.testing.assert_allclose(found, model(jnp.ones((1, 5)))[0, 0], rtol=0.06)


def test_dropout_switches_off_its_share_and_keeps_the_mean(float64):
    model = network(5, 3, depth=1, dropout=0.25, width=4000)
    x = jnp.ones((1, 5))
    silent = eqx.tree_at(lambda tree: tree.weights[1], model, jnp.ones((3, 4000)) / 4000)
    values = [silent(x, jax.random.key(seed))[0, 0] for seed in range(40)]
    whole = silent(x)[0, 0]
    # 40 draws of 4000 units: the mean is known to within about one percent.
    np.testing.assert_allclose(np.mean(values), whole, rtol=0.03)
    assert np.std(values) > 0
    np.testing.assert_array_equal(silent(x, jax.random.key(7)), silent(x, jax.random.key(7)))


def test_weights_are_kaiming_normal():
    model = MLP.create(MLPSettings(2, 512, "elu", 0.1), 24, 18, key=jax.random.key(0))
    assert [weight.shape for weight in model.weights] == [(512, 24), (512, 512), (18, 512)]
    for weight in model.weights:
        # The standard deviation of n numbers is known to 1 / sqrt(2 n).
        spread = 5 / np.sqrt(2 * weight.size)
        np.testing.assert_allclose(weight.std(), np.sqrt(2 / weight.shape[1]), rtol=spread)
    assert not any(bias.any() for bias in model.biases)


@given(st.floats(-20, 20), st.sampled_from(sorted(ACTIVATIONS)))
@hypothesis_settings(deadline=None)
def test_slopes_are_the_derivatives_of_activations(z, name):
    with precision("float64"):
        value, slope = ACTIVATIONS[name](jnp.asarray(z))
        if z != 0:
            derivative = jax.grad(lambda x: ACTIVATIONS[name](x)[0])(z)
            np.testing.assert_allclose(slope, derivative, rtol=1e-12)
        reference = {"elu": jax.nn.elu, "leaky_relu": jax.nn.leaky_relu}[name]
        np.testing.assert_array_equal(value, reference(z))


class Quadratic(WorldModel):
    """Another architecture: it says how it predicts, and nothing of its Jacobian."""

    matrix: jax.Array

    @classmethod
    def create(cls, settings, inputs, outputs, *, key):
        return cls(jax.random.normal(key, (outputs, inputs)))

    def __call__(self, x, key=None):
        return (x**2) @ self.matrix.T


def test_an_architecture_without_a_closed_form_is_differentiated(float64):
    model = Quadratic.create(None, 4, 3, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (5, 4))
    prediction, jacobian = model.linearise(x)
    np.testing.assert_array_equal(prediction, (x**2) @ model.matrix.T)
    np.testing.assert_allclose(jacobian, 2 * model.matrix[None] * x[:, None, :], rtol=1e-12)
