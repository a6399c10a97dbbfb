"""What decides the programs of an environment, beside code: for ``dynsparse.programs``."""

import hashlib
from typing import Any

import mujoco
import numpy as np

from dynsparse.environments.dynamics import Dynamics
from dynsparse.programs import digest
from dynsparse.suite import OWN, suite_of


def simulator_identity(dynamics: Dynamics) -> bytes | None:
    """A digest of all that simulator steps depend on, whoever made the environment.

    None for a kind of dynamics that is defined elsewhere, whose steps may be others.
    """
    if type(dynamics) is not Dynamics:
        return None
    facts = (dynamics.name, dynamics.solver, dynamics.dtype, dynamics.substeps)
    return digest([facts, _saved(dynamics.mj_model), dynamics.model, dynamics.template])


def environment_identity(name: str, environment: Any) -> bytes | None:
    """A digest of all that resets, observations and rewards depend on.

    None for an environment of one's own: what its code reads beside its package is not known.
    """
    if suite_of(name) is OWN:
        return None
    config = environment._config.to_json()
    return digest([name, config, _saved(environment.mj_model), environment.mjx_model])


def model_digest(model: mujoco.MjModel) -> str:
    """SHA-256 of a model as it is simulated, whatever files it was made of."""
    return hashlib.sha256(_saved(model)).hexdigest()


def _saved(model: mujoco.MjModel) -> bytes:
    """A model in MuJoCo's own format."""
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()
