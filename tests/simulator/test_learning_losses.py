"""Losses: their arithmetic by hand, and their gradients against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dynsparse.learning.models import MLP
from dynsparse.learning.models.mlp import MLPSettings
from dynsparse.learning.training.losses import LOSSES, Guess, Truth

# One sample, two outputs, two inputs.
GUESS = Guess(jnp.array([[1.0, 2.0]]), jnp.array([[[1.0, -2.0], [3.0, 0.5]]]))
TRUTH = Truth(
    jnp.array([[0.0, 4.0]]),
    jnp.array([[[2.0, 0.0], [3.0, 0.0]]]),
    jnp.array([[[False, True], [False, True]]]),
)
# (1 + 4) / 2, then the Jacobian terms: (1 + 4 + 0 + 0.25) / 4, (1 + 2 + 0 + 0.5) / 4,
# (1 + 2 + 3 + 0.5) / 4, over the two zeros (2 + 0.5) / 2, and (1 + 4 + 9 + 0.25) / 4.
BY_HAND = {
    "state": 2.5,
    "state-jacobian": 2.5 + 10 * 5.25 / 4,
    "state-jacobian-l1": 2.5 + 10 * 3.5 / 4,
    "state-jacobian-l1-regularizer": 2.5 + 10 * 6.5 / 4,
    "state-jacobian-l1-sparse-only": 2.5 + 10 * 2.5 / 2,
    "state-jacobian-l2-regularizer": 2.5 + 10 * 14.25 / 4,
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_what_its_name_says(name):
    np.testing.assert_allclose(LOSSES[name](GUESS, TRUTH, 10.0), BY_HAND[name], rtol=1e-6)


def test_without_true_zeros_the_sparse_only_loss_is_the_state_loss():
    truth = TRUTH._replace(zero=jnp.zeros_like(TRUTH.zero))
    value = LOSSES["state-jacobian-l1-sparse-only"](GUESS, truth, 10.0)
    assert value == LOSSES["state"](GUESS, truth, 10.0)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_regulariser_does_not_look_at_the_true_jacobian(norm):
    other = TRUTH._replace(jacobian=TRUTH.jacobian + 7, zero=~TRUTH.zero)
    loss = LOSSES[f"state-jacobian-{norm}-regularizer"]
    assert loss(GUESS, TRUTH, 10.0) == loss(GUESS, other, 10.0)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_agree_with_finite_differences(float64, name):
    settings = MLPSettings(depth=2, width=5, activation="elu", dropout=0.3)
    model = MLP.create(settings, 3, 2, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (4, 3))
    jacobian = jax.random.normal(jax.random.key(2), (4, 2, 3))
    truth = Truth(jnp.ones((4, 2)), jacobian, jacobian > 0)

    def loss(model):
        model = jax.tree.map(jnp.asarray, model)
        return LOSSES[name](Guess(*model.linearise(x, jax.random.key(3))), truth, 0.7)

    check_grads(loss, (model,), order=1, modes=["rev"], eps=1e-6, atol=1e-6, rtol=1e-6)
