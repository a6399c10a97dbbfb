"""The dynamics of a model that is no environment."""

from types import SimpleNamespace

import mujoco
from mujoco import mjx

from dynsparse import mjx_internals
from dynsparse.environments import Dynamics, names


def dynamics_of(xml, substeps=2):
    """``Dynamics`` of MJCF, as shipped."""
    mj_model = mujoco.MjModel.from_xml_string(xml)
    model = mjx.put_model(mj_model, impl="jax")
    return Dynamics(
        name="random model",
        solver="as_shipped",
        environment=SimpleNamespace(mj_model=mj_model),
        model=model,
        template=mjx.make_data(mj_model, impl="jax"),
        control_dt_s=substeps * mj_model.opt.timestep,
        substeps=substeps,
        state_names=names.state_names(mj_model),
        action_names=names.action_names(mj_model),
        contact_names=names.pair_names(mj_model, mjx_internals.collision_pairs(mj_model)),
        constraint_names=names.constraint_names(mj_model),
    )
