"""What an episode says of itself: its names, where it went, what touched and pushed."""

import hashlib

import mujoco
import numpy as np
from jaxtyping import Bool, Int, Int8

from dynsparse import mjx_internals
from dynsparse.dataset import DatasetInfo, Episode
from dynsparse.environments import Dynamics, vocabulary
from dynsparse.errors import DynsparseError
from dynsparse.jacobians.tangent import tangent_names

# Rows of an equality constraint (MuJoCo's documentation, "Computation": constraint model).
_Equality = mujoco.mjtEq
_EQUALITY_ROWS = {
    _Equality.mjEQ_CONNECT: 3,
    _Equality.mjEQ_WELD: 6,
    _Equality.mjEQ_JOINT: 1,
    _Equality.mjEQ_TENDON: 1,
}


def check_names(info: DatasetInfo, dynamics: Dynamics) -> None:
    """Refuse a file whose numbers are called otherwise than its environment's.

    Raises:
        DynsparseError: names and control step are not those of the environment of that name.
    """
    known = vocabulary(dynamics)
    if info.schema_version > 1:
        known["tangent_names"] = tangent_names(dynamics.mj_model)
    for name, right in known.items():
        found = getattr(info, name)
        if found != right:
            raise DynsparseError(
                f"{info.environment} ({info.behaviour}, seed {info.seed}): {name} are not those of"
                f" the environment: {_difference(found, right)}"
            )


def _difference(found: object, right: object) -> str:
    """The first name that differs, or both values."""
    if not isinstance(found, tuple) or not isinstance(right, tuple) or len(found) != len(right):
        return f"{found} where {right} is right"
    at = next(
        k for k, (ours, theirs) in enumerate(zip(found, right, strict=True)) if ours != theirs
    )
    return f"number {at} is {found[at]!r} where {right[at]!r} is right"


def trajectory(episode: Episode) -> str:
    """A digest of where an episode began and what was done in it: twins have the same."""
    digest = hashlib.sha256(np.ascontiguousarray(episode.state[0]).data)
    digest.update(np.ascontiguousarray(episode.action).data)
    return digest.hexdigest()


def other_flags(
    contact: Bool[np.ndarray, "time pairs"],
    constraint_active: Bool[np.ndarray, "time constraints"],
    pieces: Int8[np.ndarray, "time substeps rows"],
    model: mujoco.MjModel,
) -> Int[np.ndarray, " steps"]:
    """Steps whose flags are not those of the step taken again.

    Which limits push and which friction losses slide is compared one by one. Of contacts it is
    known that where one pushes, a pair touches; pairs that touch and do not push are not seen.

    Args:
        contact: which pairs touched, as stored.
        constraint_active: which limits pushed and which friction losses slid, as stored.
        pieces: of the step taken again.
        model: of the environment.
    """
    first = _equality_rows(model)
    contacts = first + constraint_active.shape[1]
    acts = (pieces != 0).any(axis=1)
    other = (constraint_active != acts[:, first:contacts]).any(axis=1)
    forces = sum(map(len, mjx_internals.limited_forces(model)))
    pushes = acts[:, contacts : acts.shape[1] - forces].any(axis=1)
    touches = contact.any(axis=1)
    return np.flatnonzero(other | (pushes & ~touches))


def _equality_rows(model: mujoco.MjModel) -> int:
    if model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_EQUALITY:
        return 0
    return sum(_EQUALITY_ROWS[_Equality(kind)] for kind in model.eq_type)
