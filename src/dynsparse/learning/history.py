"""What was measured after every epoch."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

# Variances: a model that predicts the mean has an error of about one.
EXPLODED = 1e6


class History(NamedTuple):
    """Measurements, the first axis being epochs: 0 is the untrained model.

    Errors are in normalised units (``evaluation.Scores``); ``loss`` is NaN at epoch 0.
    """

    loss: Float[np.ndarray, "epochs seeds"]
    validation: Float[np.ndarray, "epochs seeds"]
    squared: Float[np.ndarray, "epochs seeds outputs"]
    jacobian_squared: Float[np.ndarray, "epochs seeds"]
    jacobian_absolute: Float[np.ndarray, "epochs seeds"]
    sparsity: Float[np.ndarray, "epochs seeds thresholds"]
    right: Float[np.ndarray, "epochs seeds thresholds"]
    relative: Float[np.ndarray, "epochs seeds thresholds"]

    def failed_epoch(self) -> Int[np.ndarray, " seeds"]:
        """The epoch in which each seed's state error exploded or loss was not finite; -1: none.

        The loss has no limit: with a Jacobian in it, healthy models may have one of any size. A
        failed seed trains on beside the others, whom it does not touch; its numbers mean nothing.
        """
        error = self.squared.mean(axis=2)
        bad = ~(error < EXPLODED)
        bad[1:] |= ~np.isfinite(self.loss[1:])
        return np.where(bad.any(axis=0), bad.argmax(axis=0), -1)
