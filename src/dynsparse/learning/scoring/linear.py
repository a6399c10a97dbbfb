"""Models without hidden layers: what a network has to beat before it is said to learn.

They are held in the same form as networks, so that the same code scores them everywhere.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from sklearn.linear_model import Ridge

from dynsparse.learning.data.normalisation import Scaler
from dynsparse.learning.data.samples import Samples
from dynsparse.learning.models import MLP
from dynsparse.learning.training.epochs import Learner

# Added to the diagonal of the normal equations, which are singular where a column never moves.
# With 2,000 samples its scores are those of 1e-8 to four digits.
RIDGE = 1e-3


class Affine(NamedTuple):
    """The map y = W x + b, in normalised units."""

    weight: Float[np.ndarray, "outputs inputs"]
    bias: Float[np.ndarray, " outputs"]


def linear(train: Samples, scaler: Scaler) -> Affine:
    """Least squares on the samples that networks are trained on."""
    found = Ridge(alpha=RIDGE).fit(train.inputs.astype(float), train.next_state.astype(float))
    return Affine(found.coef_, found.intercept_)


def mean(train: Samples, scaler: Scaler) -> Affine:
    """The mean of the training samples, whatever state and action: zero in normalised units."""
    return Affine(
        np.zeros((train.next_state.shape[1], train.inputs.shape[1])),
        scaler.outputs(scaler.output_mean),
    )


def persistence(train: Samples, scaler: Scaler) -> Affine:
    """The state as it was: nothing changes."""
    outputs, inputs = train.next_state.shape[1], train.inputs.shape[1]
    still = np.eye(outputs, inputs)
    return Affine(scaler.jacobian(still), scaler.outputs(still @ scaler.input_mean))


MODELS: dict[str, Callable[[Samples, Scaler], Affine]] = {
    "linear": linear,
    "mean": mean,
    "persistence": persistence,
}


def learner(model: Affine) -> Learner:
    """The model as a trained learner of one seed."""
    weight, bias = (jnp.asarray(values, jnp.float32) for values in model)
    network = MLP((weight,), (bias,), activation="elu", dropout=0.0)
    one = Learner(network, (), jnp.zeros(2, jnp.uint32))
    return jax.tree.map(lambda leaf: leaf[None], one)
