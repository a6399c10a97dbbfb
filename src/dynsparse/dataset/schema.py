"""What a dataset file holds; docs/dataset.md says it in prose."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import h5py
import numpy as np
from jaxtyping import Bool, Float

from dynsparse.errors import DynsparseError
from dynsparse.storage.files import read_json

FORMAT = "dynsparse dataset"
SCHEMA_VERSION = 2
# Derivatives that hold element by element, and what an environment set beside its controls.
BY_ELEMENT = 3
READABLE_VERSIONS = (1, 2, 3)

# Progress and integrity at once: the SHA-256 of an episode's arrays, zeros while unwritten.
DIGEST = "episode_digest"
# What an attribute of a stranger's file may take; names of a thousand dimensions take 30 kB.
MOST_ATTRIBUTE_BYTES = 2**24


@dataclass(frozen=True)
class DatasetInfo:
    """What a dataset says about itself (the file's attributes).

    Attributes:
        environment: Playground's name.
        behaviour: the kind of policy that chose the actions.
        seed: which independent repetition this is.
        state_names: names with units, such as ``qpos:slider [m]``.
        action_names: names with units.
        contact_names: geom pairs, such as ``ground:ffoot``.
        constraint_names: friction losses and limits.
        control_dt_s: seconds per control step.
        method: how the Jacobians were computed.
        dtype: precision of simulation and Jacobians.
        episodes: number of episodes E.
        steps: control steps per episode T.
        provenance: policy digest, versions, commit, device and configuration, as JSON text.
        tangent_names: dimensions of the tangent space of the state, where it is another space
            (an orientation is four numbers, its change three); none elsewhere, and in version 1.
        schema_version: of the file; ``BY_ELEMENT`` where derivatives hold element by element.
        held_names: what was held during the steps beside the controls, such as
            ``mocap_pos[0]``; none before version 3.
        note: what a reader has to know of the environment's way; most files have none.
    """

    environment: str
    behaviour: str
    seed: int
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    contact_names: tuple[str, ...]
    constraint_names: tuple[str, ...]
    control_dt_s: float
    method: str
    dtype: str
    episodes: int
    steps: int
    provenance: str
    tangent_names: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION
    held_names: tuple[str, ...] = ()
    note: str = ""

    @property
    def by_element(self) -> bool:
        """Whether derivatives hold element by element: the file is of MuJoCo's C engine."""
        return self.schema_version >= BY_ELEMENT

    def to_attributes(self) -> dict[str, Any]:
        """HDF5 attributes; tuples of names become JSON text."""
        plain = {k: json.dumps(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        if not self.by_element:
            del plain["held_names"]
        if not self.note:
            del plain["note"]
        return {"format": FORMAT, **plain}


def read_info(file: h5py.File) -> DatasetInfo:
    """The attributes of an open file.

    Raises:
        DynsparseError: not a dataset, one of another schema version, or one without any step.
    """
    known = ("format", *(field.name for field in fields(DatasetInfo)))
    given, name = attributes(file, known), file.filename
    if given.get("format") != FORMAT:
        raise DynsparseError(f"{name}: not a dynsparse dataset (attribute 'format' is missing)")
    version = given.get("schema_version")
    if version is not None and version not in READABLE_VERSIONS:
        readable = ", ".join(map(str, READABLE_VERSIONS))
        raise DynsparseError(
            f"{name}: schema version {version} cannot be read; this program reads {readable}"
        )
    if version == 1:
        given["tangent_names"] = "[]"
    if version != BY_ELEMENT:
        given["held_names"] = "[]"
    given.setdefault("note", "")
    missing = {field.name for field in fields(DatasetInfo)} - set(given)
    if missing:
        raise DynsparseError(f"{name}: attribute {min(missing)!r} is missing")
    if not isinstance(_parsed(given["provenance"], f"{name}: the provenance"), dict):
        raise DynsparseError(f"{name}: the provenance cannot be read: it is no mapping")
    values: dict[str, Any] = {}
    for field in fields(DatasetInfo):
        value, where = given[field.name], f"{name}: {field.name}"
        is_tuple = field.name.endswith("_names")
        values[field.name] = _names(value, where) if is_tuple else _typed(value, field.type, where)
    for field_name in ("state_names", "episodes", "steps", "control_dt_s"):
        if not values[field_name]:
            raise DynsparseError(f"{name}: {field_name}: there are none, or it is 0")
    return DatasetInfo(**values)


def attributes(file: h5py.File, known: Sequence[str]) -> dict[str, Any]:
    """The ``known`` attributes that a file has; what a stranger's claims is looked at first.

    Raises:
        DynsparseError: one of them is no single value, or larger than any has to be.
    """
    found = {}
    for name in (name for name in known if name in file.attrs):
        attribute = file.attrs.get_id(name)
        if attribute.shape != () or attribute.get_storage_size() > MOST_ATTRIBUTE_BYTES:
            raise DynsparseError(f"{file.filename}: attribute {name!r} is no single small value")
        found[name] = _plain(file.attrs[name])
    return found


def _typed(value: Any, kind: Any, where: str) -> Any:
    """A value of the type that the field has: ``str``, ``int`` or ``float``."""
    right = isinstance(value, (int, float) if kind is float else kind)
    if not right or isinstance(value, bool) or (kind is not str and not 0 <= value < 2**53):
        raise DynsparseError(f"{where} cannot be read: {str(value)[:50]!r} is no {kind.__name__}")
    return value


def _names(text: Any, where: str) -> tuple[str, ...]:
    names = _parsed(text, where)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DynsparseError(f"{where} cannot be read: it is no list of names")
    return tuple(names)


def _parsed(text: Any, where: str) -> Any:
    try:
        return read_json(text)
    except (TypeError, ValueError) as error:
        raise DynsparseError(f"{where} cannot be read: {error}") from None


def own_data(file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset of an open file that holds its data itself; nothing else is opened.

    Raises:
        DynsparseError: it is not there, a link, or its data are in another file.
    """
    link = file.get(name, getlink=True)
    if link is None:
        raise DynsparseError(f"{file.filename}: dataset {name!r} is missing")
    found = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise DynsparseError(
            f"{file.filename}: dataset {name!r} is no data of this file's own, but a link or kept"
            " in another file; nothing outside was read"
        )
    return found


def layout(info: DatasetInfo) -> dict[str, tuple[tuple[int, ...], str]]:
    """Name -> (shape, dtype) of every dataset; axes are (episode, time, ...)."""
    ds, da = len(info.state_names), len(info.action_names)
    nv = sum(name.startswith("qvel:") for name in info.state_names)
    step = {
        "state": ((ds,), info.dtype),
        "action": ((da,), info.dtype),
        "memory": ((nv,), info.dtype),
        "next_state": ((ds,), info.dtype),
        "reward": ((), info.dtype),
        "terminated": ((), "bool"),
        "truncated": ((), "bool"),
        "state_jacobian": ((ds, ds), info.dtype),
        "action_jacobian": ((ds, da), info.dtype),
        "contact": ((len(info.contact_names),), "bool"),
        "constraint_active": ((len(info.constraint_names),), "bool"),
        "jacobian_ok": ((), "bool"),
    }
    if info.schema_version > 1:
        step["solver_converged"] = ((), "bool")
    if info.schema_version >= BY_ELEMENT:
        step["jacobian_element_ok"] = ((ds, ds + da), "bool")
        step["held"] = ((len(info.held_names),), info.dtype)
    if info.tangent_names:
        dt = len(info.tangent_names)
        step["tangent_state_jacobian"] = ((dt, dt), info.dtype)
        step["tangent_action_jacobian"] = ((dt, da), info.dtype)
    shape = (info.episodes, info.steps)
    arrays = {name: (shape + tail, dtype) for name, (tail, dtype) in step.items()}
    return {**arrays, DIGEST: ((info.episodes, 32), "uint8")}


UNITS = {
    "state": "see state_names",
    "action": "see action_names",
    "memory": "generalised acceleration: m/s^2 or rad/s^2",
    "next_state": "see state_names",
    "held": "see held_names",
    "reward": "1",
    "state_jacobian": "unit of next_state row / unit of state column",
    "action_jacobian": "unit of next_state row / unit of action column",
    "tangent_state_jacobian": "unit of tangent row / unit of tangent column",
    "tangent_action_jacobian": "unit of tangent row / unit of action column",
}


def have_derivatives(
    state_jacobian: Float[np.ndarray, "*n ds ds"], action_jacobian: Float[np.ndarray, "*n ds da"]
) -> Bool[np.ndarray, "*n"]:
    """What ``jacobian_ok`` says of each sample: whether all its elements are finite."""
    finite = (np.isfinite(each).all(axis=(-2, -1)) for each in (state_jacobian, action_jacobian))
    return np.logical_and(*finite)


def check_derivatives(
    state_jacobian: Float[np.ndarray, "*n ds ds"],
    action_jacobian: Float[np.ndarray, "*n ds da"],
    ok: Bool[np.ndarray, "*n"],
    where: str,
) -> None:
    """Refuse samples that are said to have a derivative, which is no number.

    Not-a-number is not below any threshold, and would count as a nonzero element.

    Raises:
        DynsparseError: it begins with ``where``.
    """
    false = ok & ~have_derivatives(state_jacobian, action_jacobian)
    if false.any():
        raise DynsparseError(
            f"{where}: jacobian_ok says of {int(false.sum())} samples that they have a derivative,"
            " but it is not finite; write false there, or the derivative"
        )


def episode_digest(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """SHA-256 over one episode's arrays, in the order of their names, as 32 bytes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return np.frombuffer(digest.digest(), np.uint8)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
