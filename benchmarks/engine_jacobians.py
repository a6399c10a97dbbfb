"""MJX's derivatives held against differences on MuJoCo's C engine, at the same steps.

    python benchmarks/engine_jacobians.py CSV FILE [EVERY]    a row, of every so many of its steps

The C engine begins each step where the dataset says, with the model that MJX has, as it is shipped.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
from csv_rows import with_row, write_rows

from dynsparse.c_engine.collection import default_held
from dynsparse.c_engine.derivatives import derive
from dynsparse.c_engine.dynamics import EngineDynamics
from dynsparse.c_engine.layout import Sample
from dynsparse.dataset import open_dataset
from dynsparse.environments import simulated_model
from dynsparse.verification.differences import RIGHT, ZERO
from dynsparse.verification.replay import SAME_TRAJECTORY

# Thresholds of differences: rounding may pass the first.
DIFFERENCES = (1e-8, 1e-7)


class Steps(NamedTuple):
    """Steps of a dataset of MJX, and the C engine's dynamics of the same model."""

    dynamics: EngineDynamics
    sample: Sample
    next_state: np.ndarray
    jacobian: np.ndarray
    known: np.ndarray


def steps_of(path: Path, every: int = 1) -> Steps:
    """Steps of a dataset of MJX; one of so many."""
    with open_dataset(path) as dataset:
        if json.loads(dataset.info.provenance)["config"]["solver"] != "as_shipped":
            raise SystemExit(f"{path}: was not collected as the environment is shipped")
        name, episodes = dataset.info.environment, list(dataset.episodes())

    def joined(field: str) -> np.ndarray:
        return np.concatenate([getattr(episode, field) for episode in episodes])[::every]

    model, substeps = simulated_model(name)
    dynamics = EngineDynamics.of(name, model, substeps)
    state = joined("state")
    held = np.tile(default_held(dynamics), (len(state), 1))
    jacobian = np.concatenate([joined("state_jacobian"), joined("action_jacobian")], axis=2)
    known = np.broadcast_to(joined("jacobian_ok")[:, None, None], jacobian.shape)
    sample = Sample(state, joined("memory"), joined("action"), held)
    return Steps(dynamics, sample, joined("next_state"), jacobian, known)


def compared(steps: Steps) -> dict[str, Any]:
    """How MJX's Jacobians stand to differences, where both engines take the same step.

    Elements that the differences do not tell (at a kink or a jump) are left out.
    """
    found = derive(steps.dynamics, steps.sample)
    repeated = (np.abs(found.next_state - steps.next_state) < SAME_TRAJECTORY).all(axis=1)
    known = found.element_ok & steps.known
    told = repeated & known.any(axis=(1, 2))
    if not told.any():
        raise SystemExit(f"{steps.dynamics.name}: there is no step to compare")
    by_c, by_mjx = (np.where(known, each, 0) for each in (found.jacobian, steps.jacobian))
    error = np.abs(by_mjx - by_c).max(axis=(1, 2)) / np.abs(by_c).max(axis=(1, 2), initial=1)
    false = known & (np.abs(by_mjx) < ZERO) & (np.abs(by_c) > max(DIFFERENCES))
    row: dict[str, Any] = {
        "samples": len(error),
        "engine_repeats": int(repeated.sum()),
        "compared": int(told.sum()),
        "known_percent": 100 * known[told].mean(),
        "right_share": float((error < RIGHT)[told].mean()),
        "largest_error": float(error[told].max()),
        "false_zeros": int(false[told].sum()),
        "capsules_elsewhere": int((capsules_apart(steps) & ~repeated).sum()),
        "largest_error_elsewhere": float(error[~repeated].max(initial=0)),
    }
    states = steps.sample.state.shape[1]
    known, by_c, by_mjx = (each[:, :, :states] for each in (known, by_c, by_mjx))
    always = always_zero(np.abs(by_mjx) < ZERO, known)
    row |= {"elements": always.size, "always_zero_mjx": int(always.sum())}
    for threshold in DIFFERENCES:
        zero = always_zero(np.abs(by_c) < threshold, known)
        row |= {
            f"always_zero_c_{threshold:.0e}": int(zero.sum()),
            f"only_in_one_{threshold:.0e}": int((zero != always).sum()),
        }
    return row


def capsules_apart(steps: Steps) -> np.ndarray:
    """In which steps a capsule touches where MJX as shipped is known to differ (docs/mjx.md).

    On another shape than a plane, or on a plane within 30 degrees of its normal; in the last stage
    of any of the simulator's steps.
    """
    model, found = steps.dynamics.mj_model, []
    for state, memory, action, _ in zip(*steps.sample, strict=True):
        data = mujoco.MjData(model)
        data.qpos, data.qvel = state[: model.nq], state[model.nq :]
        data.qacc_warmstart, data.ctrl = memory, action
        seen = False
        for _ in range(steps.dynamics.substeps):
            mujoco.mj_step(model, data)
            seen |= any(_apart(model, data, contact) for contact in data.contact)
        found.append(seen)
    return np.array(found)


def _apart(model: mujoco.MjModel, data: mujoco.MjData, contact: Any) -> bool:
    shapes = [mujoco.mjtGeom(model.geom_type[geom]) for geom in contact.geom]
    capsules = [
        geom
        for geom, shape in zip(contact.geom, shapes, strict=True)
        if shape == mujoco.mjtGeom.mjGEOM_CAPSULE
    ]
    if not capsules or mujoco.mjtGeom.mjGEOM_PLANE not in shapes:
        return bool(capsules)
    axis = data.geom_xmat[capsules[0]].reshape(3, 3)[:, 2]
    return bool(abs(axis @ contact.frame[:3]) > np.cos(np.pi / 6))


def always_zero(zero: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which elements are zero in each sample in which they are known, of those ever known."""
    return (zero | ~known).all(axis=0) & known.any(axis=0)


if __name__ == "__main__":
    table, file, *every = sys.argv[1:]
    steps = steps_of(Path(file), *map(int, every))
    about = {"environment": steps.dynamics.name, "every": int(*every or [1])}
    write_rows(Path(table), with_row(Path(table), about | compared(steps)).values())
