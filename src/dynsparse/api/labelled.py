"""All arrays of a dataset at once: by name, or with named dimensions and units."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dynsparse.api.episode import Part
from dynsparse.api.names import bare, unit
from dynsparse.api.optional import needed
from dynsparse.api.sizes import check_fits
from dynsparse.dataset.schema import UNITS
from dynsparse.errors import DynsparseError

if TYPE_CHECKING:
    import xarray

# Axes behind episode and time. None is called like an array, which xarray forbids.
AXES = {
    "state": ("state_dim",),
    "action": ("action_dim",),
    "memory": ("velocity_dim",),
    "next_state": ("next_state_dim",),
    "state_jacobian": ("next_state_dim", "state_dim"),
    "action_jacobian": ("next_state_dim", "action_dim"),
    "jacobian_element_ok": ("next_state_dim", "input_dim"),
    "held": ("held_dim",),
    "contact": ("pair",),
    "constraint_active": ("constraint",),
    "tangent_state_jacobian": ("next_tangent_dim", "tangent_dim"),
    "tangent_action_jacobian": ("next_tangent_dim", "action_dim"),
}


def to_numpy(parts: Sequence[Part], all: bool) -> dict[str, np.ndarray]:
    """See ``Dataset.to_numpy``."""
    lengths = {part.info.steps for part in parts}
    if len(lengths) > 1:
        raise DynsparseError(f"episodes have different lengths, {sorted(lengths)}: load them apart")
    names = [name for name in parts[0].arrays if _all_have(parts, name)]
    size = sum(
        math.prod(part.arrays[name].shape) * np.dtype(part.info.dtype).itemsize
        for part in parts
        for name in names
    )
    check_fits(size, f"all of {parts[0].origin}" + " and others" * (len(parts) > 1))
    found = {name: np.concatenate([_whole(part, name) for part in parts]) for name in names}
    if not all:
        for name in (name for name in names if name.endswith("_jacobian")):
            found[name][_unknown(found, name)] = np.nan
    return found


def _unknown(found: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Where a Jacobian has no derivative; those in tangent space say so themselves."""
    known = found.get("jacobian_element_ok")
    if known is None:
        return ~found["jacobian_ok"]
    if name.startswith("tangent"):
        return np.isnan(found[name])
    states = known.shape[2]
    return ~(known[..., :states] if name == "state_jacobian" else known[..., states:])


def _all_have(parts: Sequence[Part], name: str) -> bool:
    """Whether an array is in every part: some are not in files of schema version 1."""
    return not any(name not in part.arrays for part in parts)


def _whole(part: Part, name: str) -> np.ndarray:
    return np.stack([part.arrays[name].episode(k) for k in range(part.info.episodes)])


def to_xarray(parts: Sequence[Part], all: bool) -> "xarray.Dataset":
    """See ``Dataset.to_xarray``."""
    xarray = needed("xarray", "xarray", "to_xarray()")
    arrays, info = to_numpy(parts, all), parts[0].info
    state, action, tangent = info.state_names, info.action_names, info.tangent_names
    velocity = tuple(name for name in state if name.startswith("qvel:"))
    named = {"state_dim": state, "next_state_dim": state, "action_dim": action}
    named |= {"tangent_dim": tangent, "next_tangent_dim": tangent} if tangent else {}
    variables = {
        name: (("episode", "time", *AXES.get(name, ())), values, {"units": UNITS.get(name, "1")})
        for name, values in arrays.items()
    }
    coordinates: dict[str, Any] = {
        axis: (axis, list(map(bare, names))) for axis, names in named.items()
    }
    coordinates |= {f"{axis}_unit": (axis, list(map(unit, n))) for axis, n in named.items()}
    coordinates |= {"velocity_dim": ("velocity_dim", list(map(bare, velocity)))}
    coordinates |= {"pair": ("pair", list(info.contact_names))}
    coordinates |= {"constraint": ("constraint", list(info.constraint_names))}
    times = np.arange(info.steps) * info.control_dt_s
    coordinates |= {"time": ("time", times, {"units": "s"})}
    for name in ("behaviour", "seed"):
        of_parts = [[getattr(part.info, name)] * part.info.episodes for part in parts]
        coordinates[name] = ("episode", sum(of_parts, []))
    return xarray.Dataset(variables, coordinates, {"environment": info.environment})
