"""How errors grow when a model is fed its own predictions."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from dynsparse.learning.data.normalisation import Scaler
from dynsparse.learning.data.samples import Samples
from dynsparse.learning.models.base import Facts
from dynsparse.learning.training.epochs import Learner, compiled, over_seeds


class Windows(NamedTuple):
    """Stretches of recorded trajectories, normalised.

    Attributes:
        state: where each begins.
        action: what was done from there on.
        truth: the next state after each action, in units of outputs.
        facts: what a privileged model is told before each step, of the recorded samples.
    """

    state: Float[Array, "windows outputs"]
    action: Float[Array, "windows steps actions"]
    truth: Float[Array, "windows steps outputs"]
    facts: dict[str, Array]


def windows(
    samples: Samples,
    starts: Int[np.ndarray, " rows"],
    steps: int,
    most: int,
    told: Sequence[str] = (),
) -> Windows:
    """At most ``most`` stretches of ``steps`` samples that begin at one of ``starts``.

    Evenly spaced among those that a recorded episode holds whole; there may be none. ``told`` names
    the fields of samples that are ``facts``.
    """
    ends = starts + steps - 1
    starts, ends = starts[ends < len(samples.step)], ends[ends < len(samples.step)]
    whole = samples.episode[starts] == samples.episode[ends]
    whole &= samples.step[ends] - samples.step[starts] == steps - 1
    starts = starts[whole]
    if len(starts) > most:
        starts = starts[np.linspace(0, len(starts) - 1, most).round().astype(np.int64)]
    rows = starts[:, None] + np.arange(steps)
    outputs = samples.next_state.shape[1]
    return Windows(
        jnp.asarray(samples.inputs[starts, :outputs]),
        jnp.asarray(samples.inputs[rows, outputs:]),
        jnp.asarray(samples.next_state[rows]),
        {name: jnp.asarray(getattr(samples, name)[rows]) for name in told},
    )


def make_rollout(
    scaler: Scaler, horizons: Sequence[int]
) -> Callable[[Learner, Windows], Float[Array, "seeds windows horizons"]]:
    """A compiled function: each seed's error after so many steps of its own predictions.

    An error is the root mean square over the dimensions of the state, in units of each one's
    standard deviation.
    """
    program, to_inputs = _compiled(tuple(horizons)), _to_inputs(scaler)
    return lambda learner, given: program(learner, given, *to_inputs)


@cache
def _compiled(horizons: tuple[int, ...]) -> Callable[..., Float[Array, "seeds windows horizons"]]:
    """One program for all splits of a job with as many windows; their scalers differ."""

    def one(learner: Learner, given: Windows, gain: Array, shift: Array) -> Array:
        def step(state: Array, done: tuple[Array, Facts]) -> tuple[Array, Array]:
            action, facts = done
            guess = learner.model.told(facts)(jnp.concatenate([state, action], axis=1))
            return guess * gain + shift, guess

        by_step = jax.tree.map(lambda v: jnp.swapaxes(v, 0, 1), (given.action, given.facts))
        _, guesses = jax.lax.scan(step, given.state, by_step)
        error = _error(jnp.swapaxes(guesses, 0, 1), given.truth)
        return error[:, np.asarray(horizons) - 1]

    return compiled(over_seeds(one))


def _to_inputs(scaler: Scaler) -> tuple[np.ndarray, np.ndarray]:
    """Gain and shift from a normalised output to a normalised input; both are states."""
    size = len(scaler.output_mean)
    mean, scale = scaler.input_mean[:size], scaler.input_scale[:size]
    gain, shift = scaler.output_scale / scale, (scaler.output_mean - mean) / scale
    return gain.astype(np.float32), shift.astype(np.float32)


def _error(guess: Array, truth: Array) -> Array:
    return jnp.sqrt(((guess - truth) ** 2).mean(axis=-1))
