"""What was measured while training."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

# Variances: a model that predicts the mean has an error of about one.
EXPLODED = 1e6


class History(NamedTuple):
    """Measurements, the first axis being epochs: 0 is the untrained model.

    Errors are in normalised units (``evaluation.Scores``); ``epoch`` says after how many passes,
    ``loss`` is NaN at epoch 0.
    """

    epoch: Int[np.ndarray, " epochs"]
    loss: Float[np.ndarray, "epochs seeds"]
    validation: Float[np.ndarray, "epochs seeds"]
    squared: Float[np.ndarray, "epochs seeds outputs"]
    jacobian_squared: Float[np.ndarray, "epochs seeds"]
    jacobian_absolute: Float[np.ndarray, "epochs seeds"]
    sparsity: Float[np.ndarray, "epochs seeds thresholds"]
    right: Float[np.ndarray, "epochs seeds thresholds"]
    relative: Float[np.ndarray, "epochs seeds thresholds"]

    def chosen(self) -> Int[np.ndarray, " seeds"]:
        """The row of each seed's lowest validation error, the untrained model's left out.

        A history of one row is that of a model that is not trained step by step.
        """
        if len(self.epoch) == 1:
            return np.zeros(self.validation.shape[1], int)
        error = self.validation[1:]
        return 1 + np.where(np.isnan(error), np.inf, error).argmin(axis=0)

    def failed_epoch(self) -> Int[np.ndarray, " seeds"]:
        """When each seed's state error was seen to explode or loss not to be finite; -1: never.

        The loss has no limit: with a Jacobian in it, healthy models may have one of any size. A
        failed seed trains on beside the others, whom it does not touch; its numbers mean nothing.
        """
        error = self.squared.mean(axis=2)
        bad = ~(error < EXPLODED)
        bad[1:] |= ~np.isfinite(self.loss[1:])
        return np.where(bad.any(axis=0), self.epoch[bad.argmax(axis=0)], -1)
