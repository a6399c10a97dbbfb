"""Which samples are embedded, and what of each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from dynsparse.embedding.window import ORDER, shown_window

FEATURES = ("state", "action", "next_state")


@runtime_checkable
class Recording(Protocol):
    """What is needed of an open file (``dynsparse.dataset`` gives one)."""

    @property
    def info(self) -> Any: ...  # noqa: D102
    def arrays(self, index: int, names: Iterable[str]) -> dict[str, np.ndarray]: ...  # noqa: D102


def choose_samples(steps: pa.Table, samples: int, seed: int) -> pa.Table:
    """At most ``samples`` steps: all of the stretch that is shown, the rest at random.

    Args:
        steps: table of kind ``steps``, merged over seeds.
        samples: most rows to choose; those without a finite Jacobian are never chosen.
        seed: of the random choice, which is uniform and without replacement.

    Returns:
        The chosen rows in the order of seed, episode and step, with a column ``shown``.
    """
    ordered = steps.sort_by(ORDER)
    shown = _positions_of(ordered, shown_window(ordered))
    usable = ordered["jacobian_ok"].to_numpy()
    others = np.flatnonzero(usable & ~shown)
    space = max(samples - int((usable & shown).sum()), 0)
    if len(others) > space:
        others = np.random.default_rng(seed).choice(others, space, replace=False)
    chosen = np.sort(np.concatenate([np.flatnonzero(usable & shown), others]))
    return ordered.take(chosen).append_column("shown", pa.array(shown[chosen]))


def read_features(
    chosen: pa.Table, datasets: Mapping[int, Recording]
) -> tuple[Float[np.ndarray, "samples features"], Int[np.ndarray, " samples"]]:
    """State, action and next state of every chosen step, and how many limits act in it.

    A limit is that of a joint's or a tendon's range (in BallInCup, the string).
    """
    keys = np.stack([chosen[name].to_numpy() for name in ("seed", "episode", "step")], axis=1)
    parts, limits = [np.empty((0, 0))][: not len(keys)], [np.empty(0, dtype=np.int64)]
    for seed, episode in np.unique(keys[:, :2], axis=0).tolist():
        dataset = datasets[seed]
        arrays = dataset.arrays(episode, (*FEATURES, "constraint_active"))
        rows = keys[(keys[:, 0] == seed) & (keys[:, 1] == episode), 2]
        parts.append(np.concatenate([arrays[name][rows] for name in FEATURES], axis=1))
        active = arrays["constraint_active"][rows][:, is_limit(dataset.info.constraint_names)]
        limits.append(np.count_nonzero(active, axis=1))
    return np.concatenate(parts), np.concatenate(limits)


def is_limit(names: Sequence[str]) -> Bool[np.ndarray, " constraints"]:
    """Which constraints are limits of a range, not friction."""
    return np.array([name.startswith("limit:") for name in names], dtype=bool)


def _positions_of(ordered: pa.Table, window: pa.Table) -> Bool[np.ndarray, " rows"]:
    if not window.num_rows:
        return np.zeros(ordered.num_rows, dtype=bool)
    same: Int[np.ndarray, "2 rows"] = np.stack(
        [ordered[name].to_numpy() == window[name][0].as_py() for name in ("seed", "episode")]
    )
    steps = np.isin(ordered["step"].to_numpy(), window["step"].to_numpy())
    return same.all(axis=0) & steps
