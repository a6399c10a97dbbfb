"""Datasets of simulations on the C engine: their attributes, and episodes with derivatives."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int

from dynsparse.c_engine.derivatives import UNDECIDED, between_tangents, derive
from dynsparse.c_engine.dynamics import EngineDynamics
from dynsparse.c_engine.layout import Sample
from dynsparse.dataset import DatasetInfo
from dynsparse.dataset.schema import BY_ELEMENT
from dynsparse.environments import vocabulary
from dynsparse.jacobians.tangent import tangent_names
from dynsparse.provenance import provenance
from dynsparse.suite import dataset_name

# Where controls come from. What was recorded elsewhere has states that are not those that one step
# after the other led to.
BEHAVIOURS = RANDOM, RECORDED = "random", "recorded"


def dataset_info(
    dynamics: EngineDynamics,
    behaviour: str,
    seed: int,
    sizes: tuple[int, int],
    held: Int[np.ndarray, " held"],
    simulation: Mapping[str, Any],
) -> DatasetInfo:
    """The attributes of a dataset of a simulation.

    Args:
        dynamics: of the simulation.
        behaviour: where the controls come from.
        seed: of the dataset.
        sizes: episodes, and steps in each.
        held: which of the layout's held inputs were ever set.
        simulation: what it takes to make the simulation again.
    """
    episodes, steps = sizes
    method = dynamics.methods[0]
    config = {
        **{"episodes": episodes, "steps": steps, "method": method},
        **{"solver": "as_shipped", "dtype": "float64"},
    }
    return DatasetInfo(
        environment=dataset_name(dynamics.name),
        behaviour=behaviour,
        seed=seed,
        **vocabulary(dynamics),
        method=method,
        dtype="float64",
        episodes=episodes,
        steps=steps,
        provenance=provenance(dynamics.name, config, behaviour, simulation=dict(simulation)),
        tangent_names=tangent_names(dynamics.mj_model),
        schema_version=BY_ELEMENT,
        held_names=tuple(dynamics.layout.held_names[k] for k in held),
    )


def episode_arrays(
    dynamics: EngineDynamics,
    sample: Sample,
    held: Int[np.ndarray, " held"],
    reward: Float[np.ndarray, " time"],
    terminated: np.ndarray,
    advance: Callable[[int], Any],
) -> dict[str, np.ndarray]:
    """The arrays of one episode by their names in a dataset, differentiated."""
    derived = derive(dynamics, sample, advance)
    by_state, by_action = np.split(derived.jacobian, [sample.state.shape[1]], axis=2)
    truncated = np.zeros(len(reward), bool)
    truncated[-1] = not terminated[-1]
    return {
        "state": sample.state,
        "action": sample.action,
        "memory": sample.memory,
        "held": sample.held[:, held],
        "next_state": derived.next_state,
        "reward": reward,
        "terminated": terminated,
        "truncated": truncated,
        "state_jacobian": by_state,
        "action_jacobian": by_action,
        "jacobian_element_ok": derived.element_ok,
        "jacobian_ok": derived.element_ok.all(axis=(1, 2)),
        **derived.facts._asdict(),
        **between_tangents(dynamics, sample.state, derived),
    }


def models_digest(models: Sequence[mujoco.MjModel]) -> str:
    """SHA-256 of models in MuJoCo's own format, one after the other."""
    digest = hashlib.sha256()
    for model in models:
        buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
        mujoco.mj_saveModel(model, None, buffer)
        digest.update(buffer.tobytes())
    return digest.hexdigest()


# What ``Shares`` counts of a dataset.
COUNTED = ("state_jacobian", "action_jacobian", "jacobian_element_ok")


class Shares:
    """What differences tell of the zeros of a dataset, counted as its episodes are made."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.elements = self.known = self.zero = self.undecided = 0

    def add(
        self,
        state_jacobian: Float[np.ndarray, "time state state"],
        action_jacobian: Float[np.ndarray, "time state action"],
        known: Bool[np.ndarray, "time state inputs"],
    ) -> None:
        """Count one episode."""
        size = np.abs(np.concatenate([state_jacobian, action_jacobian], axis=-1))
        low, high = UNDECIDED
        self.elements += known.size
        self.known += int(known.sum())
        self.zero += int((known & (size < low)).sum())
        self.undecided += int((known & (size >= low) & (size < high)).sum())

    def __str__(self) -> str:
        low, high = UNDECIDED
        known, of = 100 * self.known / max(self.elements, 1), 100 / max(self.known, 1)
        return (
            f"{known:.2f} % of elements known; of these {of * self.zero:.2f} % are zero (below"
            f" {low:g}), {of * self.undecided:.2f} % undecided ({low:g} to {high:g})"
        )
