"""What the robot looks like, and where its parts are in stored states: MuJoCo's kinematics alone.

Nothing is simulated and nothing is rendered here. Bodies that a task alone places (``mocap``, the
targets of reaching) are left out, as in the figures: where they were is no part of the state.
"""

from typing import Any, NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float, Int16

# Geoms of other groups are for collisions or for looking at while one builds a model.
SHOWN_GROUPS = 3
KINDS = {
    mujoco.mjtGeom.mjGEOM_PLANE: "plane",
    mujoco.mjtGeom.mjGEOM_SPHERE: "sphere",
    mujoco.mjtGeom.mjGEOM_CAPSULE: "capsule",
    mujoco.mjtGeom.mjGEOM_ELLIPSOID: "ellipsoid",
    mujoco.mjtGeom.mjGEOM_CYLINDER: "cylinder",
    mujoco.mjtGeom.mjGEOM_BOX: "box",
}


class Poses(NamedTuple):
    """Where things are at each step.

    Attributes:
        centre: where the camera is, in metres; ``place`` and ``string`` are relative to it.
        place: of bodies, in units of ``scale``.
        turn: quaternions (w, x, y, z) of bodies, in units of 1 / 32767.
        string: points along tendons, in units of ``scale``.
        scale: metres.
    """

    centre: Float[np.ndarray, "3 T"]
    place: Int16[np.ndarray, "bodies 3 T"]
    turn: Int16[np.ndarray, "bodies 4 T"]
    string: Int16[np.ndarray, "points 3 T"]
    scale: float


def shapes(model: mujoco.MjModel) -> list[dict[str, Any]]:
    """The geoms that are seen: kind, size, colour, body, and the pose in the body's frame."""
    number = {body: place for place, body in enumerate(bodies(model))}
    seen = (geom for geom in range(model.ngeom) if _seen(model, geom))
    return [_shape(model, geom, number[int(model.geom_bodyid[geom])]) for geom in seen]


def bodies(model: mujoco.MjModel) -> list[int]:
    """The bodies that have a geom that is seen."""
    return sorted({int(model.geom_bodyid[g]) for g in range(model.ngeom) if _seen(model, g)})


def strings(model: mujoco.MjModel) -> list[dict[str, Any]]:
    """The tendons that run through space: how many points each has, width and colour."""
    return [
        {
            "points": _points(model, tendon),
            "width": float(model.tendon_width[tendon]),
            "colour": _colour(model.tendon_rgba[tendon]),
        }
        for tendon in range(model.ntendon)
        if _points(model, tendon)
    ]


def view(model: mujoco.MjModel, state: Float[np.ndarray, " state"]) -> dict[str, Any]:
    """How the model's first camera looks at the robot, or a camera from the side where none is.

    Args:
        model: the model.
        state: the first of an episode.

    Returns:
        ``forward`` and ``up``, ``distance`` to the centre of mass in metres, ``angle`` in degrees.
    """
    data = mujoco.MjData(model)
    _move(model, data, state)
    if not model.ncam:
        distance = 2 * float(model.stat.extent)
        return {"forward": [0, 1, -0.2], "up": [0, 0, 1], "distance": distance, "angle": 45}
    frame = data.cam_xmat[0].reshape(3, 3)
    away = _middle(model, data) - data.cam_xpos[0]
    return {
        "forward": (-frame[:, 2]).tolist(),
        "up": frame[:, 1].tolist(),
        "distance": max(float(-frame[:, 2] @ away), 0.1),
        "angle": float(model.cam_fovy[0]),
    }


def poses(model: mujoco.MjModel, states: Float[np.ndarray, "T state"]) -> Poses:
    """Where bodies, tendons and the camera are in each of some states.

    The camera's place is a point to look from where the model has a camera, which may follow the
    robot; elsewhere the model's centre, seen from beside.
    """
    shown, threads = bodies(model), [t for t in range(model.ntendon) if _points(model, t)]
    data = mujoco.MjData(model)
    centre, place, turn, string = [], [], [], []
    for state in states:
        _move(model, data, state)
        centre.append(data.cam_xpos[0].copy() if model.ncam else _aside(model))
        place.append(data.xpos[shown])
        turn.append(data.xquat[shown])
        string.append(np.concatenate([np.empty((0, 3)), *(_path(model, data, t) for t in threads)]))
    origin = np.array(centre)
    relative = [np.array(each) - origin[:, None] for each in (place, string)]
    scale = max(float(np.abs(each).max(initial=1e-6)) for each in relative) / (2**15 - 1)
    where, paths = (np.rint(each / scale).astype(np.int16) for each in relative)
    turned = np.rint(np.array(turn) * (2**15 - 1)).astype(np.int16)
    # Time goes last: what is alike stands side by side, and compresses.
    still = [np.ascontiguousarray(np.moveaxis(each, 0, -1)) for each in (where, turned, paths)]
    return Poses(np.ascontiguousarray(origin.T), still[0], still[1], still[2], scale)


def _move(model: mujoco.MjModel, data: mujoco.MjData, state: Float[np.ndarray, " state"]) -> None:
    """Put all of the model where a state says that it is."""
    data.qpos[:] = state[: model.nq]
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_camlight(model, data)
    mujoco.mj_tendon(model, data)


def _middle(model: mujoco.MjModel, data: mujoco.MjData) -> Float[np.ndarray, " 3"]:
    """The centre of all that has mass."""
    moved = model.body_mass[:, None] * data.xipos
    return moved.sum(axis=0) / max(model.body_mass.sum(), 1e-12)


def _aside(model: mujoco.MjModel) -> Float[np.ndarray, " 3"]:
    extent = float(model.stat.extent)
    return model.stat.center + 2 * extent * np.array([0, -1, 0.2]) / np.hypot(1, 0.2)


def _path(model: mujoco.MjModel, data: mujoco.MjData, tendon: int) -> Float[np.ndarray, "points 3"]:
    """The points of a tendon; where it wraps around less, its last point comes several times."""
    first, count = data.ten_wrapadr[tendon], data.ten_wrapnum[tendon]
    points = data.wrap_xpos.reshape(-1, 3)[first : first + count]
    return points[np.minimum(np.arange(_points(model, tendon)), count - 1)]


def _points(model: mujoco.MjModel, tendon: int) -> int:
    """How many points a tendon has at most; none if it is a sum of joints."""
    first, count = model.tendon_adr[tendon], model.tendon_num[tendon]
    kinds = model.wrap_type[first : first + count]
    if mujoco.mjtWrap.mjWRAP_JOINT in kinds:
        return 0
    # Where it touches what it wraps around, and where it leaves it, are a point each.
    around = np.isin(kinds, [mujoco.mjtWrap.mjWRAP_SPHERE, mujoco.mjtWrap.mjWRAP_CYLINDER])
    return int(count + around.sum())


def _seen(model: mujoco.MjModel, geom: int) -> bool:
    mocap = model.body_mocapid[model.geom_bodyid[geom]] >= 0
    return bool(model.geom_group[geom] < SHOWN_GROUPS and not mocap and _rgba(model, geom)[3] > 0)


def _rgba(model: mujoco.MjModel, geom: int) -> np.ndarray:
    material = model.geom_matid[geom]
    return model.mat_rgba[material] if material >= 0 else model.geom_rgba[geom]


def _colour(rgba: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in rgba]


def _shape(model: mujoco.MjModel, geom: int, body: int) -> dict[str, Any]:
    """A geom of a body; what is no simple shape, such as a mesh, as the box around it."""
    kind = KINDS.get(mujoco.mjtGeom(model.geom_type[geom]))
    place, turn, size = model.geom_pos[geom], model.geom_quat[geom], model.geom_size[geom]
    if kind is None:
        middle, size = np.split(model.geom_aabb[geom], 2)
        moved = np.empty(3)
        mujoco.mju_rotVecQuat(moved, middle, turn)
        place = place + moved
    return {
        "kind": kind or "box",
        "body": body,
        "size": size.tolist(),
        "place": place.tolist(),
        "turn": turn.tolist(),
        "colour": _colour(_rgba(model, geom)),
    }
