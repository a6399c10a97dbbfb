"""A dataset from arrays in memory: shapes and names are checked, what is not given is filled in."""

from collections.abc import Sequence

import numpy as np

from dynsparse.api.episode import Part
from dynsparse.api.given import positive
from dynsparse.api.rows import Given
from dynsparse.dataset.schema import DatasetInfo, have_derivatives, layout
from dynsparse.errors import DynsparseError


def part(
    state_jacobian: np.ndarray,
    action_jacobian: np.ndarray | None,
    *,
    state_names: Sequence[str] | None = None,
    action_names: Sequence[str] | None = None,
    state: np.ndarray | None = None,
    action: np.ndarray | None = None,
    next_state: np.ndarray | None = None,
    reward: np.ndarray | None = None,
    control_dt_s: float = 1.0,
    environment: str = "Custom",
    behaviour: str = "custom",
    seed: int = 0,
) -> Part:
    """See ``Dataset.from_arrays``.

    Raises:
        DynsparseError: shapes or names do not fit together.
    """
    by_state = _float64(state_jacobian, "state_jacobian")
    if by_state.ndim not in (3, 4) or by_state.shape[-1] != by_state.shape[-2]:
        raise DynsparseError(
            f"state_jacobian: {by_state.shape} should be (T, ds, ds) or (E, T, ds, ds)"
        )
    by_state = by_state[None] if by_state.ndim == 3 else by_state
    episodes, steps, ds, _ = by_state.shape
    if not by_state.size:
        raise DynsparseError(f"state_jacobian: {by_state.shape}: there is no step, or no state")
    if action_jacobian is None:
        action_jacobian = np.empty((*by_state.shape[:3], 0))
    by_action = _shaped(action_jacobian, (episodes, steps, ds, -1), "action_jacobian")
    info = DatasetInfo(
        environment=environment,
        behaviour=behaviour,
        seed=seed,
        state_names=_names(state_names, ds, "state"),
        action_names=_names(action_names, by_action.shape[-1], "action"),
        contact_names=(),
        constraint_names=(),
        control_dt_s=positive(control_dt_s, "control_dt_s"),
        method="given",
        dtype="float64",
        episodes=episodes,
        steps=steps,
        provenance="{}",
    )
    given = {"state": state, "action": action, "next_state": next_state, "reward": reward}
    arrays = {"state_jacobian": by_state, "action_jacobian": by_action}
    for name, (shape, dtype) in layout(info).items():
        if given.get(name) is not None:
            arrays[name] = _shaped(given[name], shape, name)
        elif name not in arrays:
            # What is not known is not a number; nothing touched or pushed that is known.
            arrays[name] = np.full(shape, np.nan if dtype == "float64" else 0, dtype)
    arrays["jacobian_ok"] = have_derivatives(by_state, by_action)
    return Part(info, {name: Given(values) for name, values in arrays.items()}, "arrays")


def _float64(values: np.ndarray, name: str) -> np.ndarray:
    found = np.asarray(values)
    if found.dtype.kind not in "fiub":
        raise DynsparseError(f"{name}: real numbers are needed, not {found.dtype}")
    return found.astype(np.float64)


def _shaped(values: np.ndarray | None, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Values of one episode or of all, with an axis for the episodes; -1 is any size."""
    found = _float64(np.asarray(values), name)
    if found.ndim == len(shape) - 1 and shape[0] == 1:
        found = found[None]
    right = found.ndim == len(shape) and all(
        want in (-1, have) for want, have in zip(shape, found.shape, strict=True)
    )
    if not right:
        wanted = ", ".join("da" if size < 0 else str(size) for size in shape)
        raise DynsparseError(f"{name}: {found.shape} should be ({wanted})")
    return found


def _names(names: Sequence[str] | None, count: int, prefix: str) -> tuple[str, ...]:
    found = tuple(names) if names is not None else tuple(f"{prefix}:{k}" for k in range(count))
    if len(found) != count or not all(isinstance(name, str) for name in found):
        raise DynsparseError(f"{prefix}_names: {count} names are needed, not {found}")
    return found
