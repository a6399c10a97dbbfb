"""Gates that are taught the true graph of training samples, and see no truth in tests."""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from dynsparse.learning.models.base import Inputs, Jacobians, Outputs
from dynsparse.learning.models.gated import Gated
from dynsparse.learning.models.gates import gate
from dynsparse.learning.training.losses import Scalar, Truth


class Taught(Gated):
    """``PerOutput`` under a classifier of the zeros, which learns from the true ones alone.

    It says what a learned mask is worth that was given all that there is to know. Its price is of
    what gates have wrong.
    """

    def linearise(self, x: Inputs, key: PRNGKeyArray | None = None) -> tuple[Outputs, Jacobians]:
        """Predictions and their Jacobians; gates are not drawn, and not moved by predictions."""
        return self.body.linearise(x, gate(jax.lax.stop_gradient(self.logits(x)), None))

    def penalty(self, x: Inputs, truth: Truth, key: PRNGKeyArray) -> Scalar:
        """The cross entropy of gates and true zeros, times the price."""
        logits = self.logits(x)
        wrong = jnp.where(truth.zero, jax.nn.softplus(logits), jax.nn.softplus(-logits))
        return self.price * jnp.mean(wrong)
