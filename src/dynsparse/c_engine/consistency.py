"""What a dataset says of its steps, held against the steps taken again and against itself."""

import numpy as np
from jaxtyping import Bool

from dynsparse.c_engine.derivatives import Derived, between_tangents
from dynsparse.c_engine.dynamics import EngineDynamics, Facts
from dynsparse.c_engine.layout import Sample, same_numbers
from dynsparse.dataset import Episode
from dynsparse.verification.replay import SAME_PROGRAM

NOT_REPEATED = "are not repeated bit for bit"


def wrong_steps(
    episode: Episode, dynamics: EngineDynamics, sample: Sample
) -> tuple[dict[str, Bool[np.ndarray, " time"]], float]:
    """Of which steps an episode says what they are not, and how far a next state is off at most.

    All is compared exactly, since the same engine does the same arithmetic; but for tangent
    Jacobians, which are products of matrices, and may be summed in another order.

    Raises:
        DynsparseError: a step is none of the dynamics.
    """
    after, facts, warned = dynamics.described(sample)
    dynamics.require_steps(episode.index, after, warned)
    known, jacobian = known_and_jacobian(episode)
    again = same_numbers(after, episode.next_state)
    last = np.arange(len(after)) == len(after) - 1
    wrong = {
        NOT_REPEATED: ~again.all(axis=1),
        "have other contacts when taken again": (episode.contact != facts.contact).any(axis=1),
        "have other limits or friction losses when taken again": (
            episode.constraint_active != facts.constraint_active
        ).any(axis=1),
        "have another solver_converged when taken again": (
            episode.solver_converged != facts.solver_converged
        ),
        "have a jacobian_ok that is not that of their elements": (
            episode.jacobian_ok != known.all(axis=(1, 2))
        ),
        "have known elements that are no number": (known & ~np.isfinite(jacobian)).any(axis=(1, 2)),
        "have other tangent Jacobians than their own": _other_tangents(episode, dynamics, facts),
        "are truncated where they should not be, or are not": (
            episode.truncated != (last & ~episode.terminated)
        ),
    }
    return wrong, float(np.abs(after - episode.next_state)[~again].max(initial=0.0))


def known_and_jacobian(episode: Episode) -> tuple[np.ndarray, np.ndarray]:
    """Which elements are known, and all of them: columns are those of state and action."""
    assert episode.jacobian_element_ok is not None
    both = (episode.state_jacobian, episode.action_jacobian)
    return episode.jacobian_element_ok, np.concatenate(both, axis=2)


def _other_tangents(
    episode: Episode, dynamics: EngineDynamics, facts: Facts
) -> Bool[np.ndarray, " time"]:
    known, jacobian = known_and_jacobian(episode)
    derived = Derived(episode.next_state, jacobian, known, facts)
    other = np.zeros(len(known), bool)
    for name, right in between_tangents(dynamics, episode.state, derived).items():
        found = getattr(episode, name)
        size = np.nan_to_num(np.abs(right)).max(axis=(1, 2), keepdims=True, initial=1.0)
        near = np.abs(found - right) <= SAME_PROGRAM * size
        other |= ~(near | (np.isnan(found) & np.isnan(right))).all(axis=(1, 2))
    return other
