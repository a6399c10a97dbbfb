"""Score an attention model: its attention says what acts on what. It is trained with NumPy alone.

    python score_attention.py [STEPS]

Every output attends to all inputs. What it attends to depends on the sample, and it predicts from
what it reads there. Trained for so many steps (500 unless said), it writes ``attention.json``.
"""

import sys

import numpy as np

import dynsparse as ds

FEATURES = 32
RATE = 0.01


def features(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What attention depends on: random features of the sample."""
    return np.tanh(x @ weights) / np.sqrt(FEATURES)


def attention(seen: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Shares of each output's attention, (samples, outputs, inputs)."""
    logits = np.einsum("sf,foi->soi", seen, keys)
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)


def main(steps: int = 500) -> ds.Card:
    """Train by gradient descent, read the attention, score it."""
    evaluator = ds.Evaluator("BallInCup-expert-1")
    task, scaler, rng = evaluator.task, evaluator.task.scaler, np.random.default_rng(0)
    x, y = scaler.inputs(task.train.inputs), scaler.outputs(task.train.next_state)
    outputs, inputs = task.about.shape
    weights = rng.normal(size=(inputs, FEATURES))
    keys, values = np.zeros((FEATURES, outputs, inputs)), np.zeros((outputs, inputs))
    squares = [np.zeros_like(keys), np.zeros_like(values)]
    for _ in range(steps):
        rows = rng.integers(len(x), size=128)
        seen = features(x[rows], weights)
        shares = attention(seen, keys)
        read = values * x[rows][:, None, :]
        error = (shares * read).sum(axis=-1) - y[rows]
        by_share = error[..., None] * read
        by_logit = shares * (by_share - (shares * by_share).sum(axis=-1, keepdims=True))
        slopes = (
            np.einsum("sf,soi->foi", seen, by_logit) / len(rows),
            (error[..., None] * shares * x[rows][:, None, :]).mean(axis=0),
        )
        for place, slope, square in zip((keys, values), slopes, squares, strict=True):
            square[...] = 0.99 * square + 0.01 * slope**2
            place[...] -= RATE * slope / (np.sqrt(square) + 1e-8)

    asked = scaler.inputs(task.asked.inputs)
    shares = attention(features(asked, weights), keys)
    predicted = (shares * values * asked[:, None, :]).sum(axis=-1)
    return evaluator.score(
        {"influence": shares, "next_state": scaler.next_states(predicted)},
        method="attention read-out",
    )


if __name__ == "__main__":
    card = main(*map(int, sys.argv[1:]))
    card.save("attention.json")
    print(card)
