"""What a dataset says of its steps, held against the steps taken again and against itself."""

import numpy as np
from jaxtyping import Bool

from dynsparse.c_engine.derivatives import Derived, between_tangents
from dynsparse.c_engine.dynamics import EngineDynamics, Facts
from dynsparse.c_engine.layout import Sample, same_numbers
from dynsparse.c_engine.remade import Remade
from dynsparse.dataset import Episode
from dynsparse.verification.replay import SAME_PROGRAM

NOT_REPEATED = "are not repeated bit for bit"
OTHER_FLAGS = (
    "have other contacts when taken again",
    "have other limits or friction losses when taken again",
)


def wrong_steps(
    episode: Episode, remade: Remade, sample: Sample
) -> tuple[dict[str, Bool[np.ndarray, " time"]], float]:
    """Of which steps an episode says what they are not, and how far a next state is off at most.

    All is compared exactly, since the same engine does the same arithmetic; but for tangent
    Jacobians, which are products of matrices, and may be summed in another order.

    Raises:
        DynsparseError: a step is none of the dynamics.
    """
    dynamics = remade.dynamics
    after, facts, warned = dynamics.described(sample)
    dynamics.require_steps(episode.index, after, warned)
    known, jacobian = known_and_jacobian(episode)
    again = same_numbers(after, episode.next_state)
    last = np.arange(len(after)) == len(after) - 1
    wrong = {
        NOT_REPEATED: ~again.all(axis=1),
        OTHER_FLAGS[0]: (episode.contact != facts.contact).any(axis=1),
        OTHER_FLAGS[1]: (episode.constraint_active != facts.constraint_active).any(axis=1),
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
        **_other_episode(episode, remade, sample),
    }
    return wrong, float(np.abs(after - episode.next_state)[~again].max(initial=0.0))


def from_seed(remade: Remade, sample: Sample) -> bool:
    """Whether the seed leads to the same states, by the same controls."""
    again = remade.dynamics.layout.split(remade.recorded.before)
    pairs = [(again.state, sample.state), (again.action, sample.action)]
    return all(one.shape == two.shape and same_numbers(one, two).all() for one, two in pairs)


def _other_episode(
    episode: Episode, remade: Remade, sample: Sample
) -> dict[str, Bool[np.ndarray, " time"]]:
    """Which steps are not those of the seed, beside where they lead.

    An environment may draw from elsewhere too, and be another in another version. Only where it
    leads to the same states has it to say the same of them.
    """
    if not from_seed(remade, sample):
        return {
            "are not those that their seed leads to": np.full(len(sample.state), remade.certain)
        }
    again, recorded = remade.dynamics.layout.split(remade.recorded.before), remade.recorded
    return {
        "have another reward when recorded again": ~same_numbers(recorded.reward, episode.reward),
        "have another end when recorded again": recorded.terminated != episode.terminated,
        "have another warm start of the solver when recorded again": (
            ~same_numbers(again.memory, sample.memory).all(axis=1)
        ),
        "have other inputs beside the controls when recorded again": (
            ~same_numbers(again.held, sample.held).all(axis=1)
        ),
    }


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
