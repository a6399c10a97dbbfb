"""Which samples of a dataset are verified."""

from typing import Any

import numpy as np
from jaxtyping import Int

from dynsparse.dataset import Dataset, Episode
from dynsparse.errors import DynsparseError

STRATA = ("start", "contact", "limit", "free")


def pick_samples(dataset: Dataset, samples: int) -> dict[str, np.ndarray]:
    """Arrays of ``samples`` finite samples, evenly from the strata that occur.

    Raises:
        DynsparseError: no sample has a finite Jacobian.
    """
    rng = np.random.default_rng(dataset.info.seed)
    strata = np.concatenate(
        [np.where(episode.jacobian_ok, strata_of(episode), -1) for episode in dataset.episodes()]
    )
    pools = [rng.permutation(np.flatnonzero(strata == k)) for k in range(len(STRATA))]
    order = [pool[k] for k in range(max(map(len, pools))) for pool in pools if k < len(pool)]
    chosen = np.sort(order[:samples])
    if not chosen.size:
        info = dataset.info
        raise DynsparseError(
            f"{info.environment} ({info.behaviour}, seed {info.seed}): no sample has a finite"
            f" Jacobian by {info.method}; there is nothing to verify"
        )
    parts: list[dict[str, Any]] = []
    for episode in dataset.episodes():
        first = episode.index * dataset.info.steps
        local = chosen[(chosen >= first) & (chosen < first + dataset.info.steps)] - first
        names = ("state", "action", "memory", "next_state", "state_jacobian", "action_jacobian")
        part = {name: getattr(episode, name)[local] for name in names}
        part["episode"], part["step"] = np.full(len(local), episode.index), local
        parts.append(part)
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {**whole, "stratum": np.array(STRATA)[strata[chosen]]}


def strata_of(episode: Episode) -> Int[np.ndarray, " time"]:
    """For each step the index of its stratum among ``STRATA``."""
    conditions = [
        np.arange(len(episode.state)) == 0,
        episode.contact.any(axis=1),
        episode.constraint_active.any(axis=1),
    ]
    return np.select(conditions, range(3), default=3)
