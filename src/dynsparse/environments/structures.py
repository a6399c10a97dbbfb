"""The structure of the environments' models, of which the statistics themselves know nothing."""

from collections.abc import Sequence

import mujoco
import pyarrow as pa

from dynsparse.environments import names, simulated_model
from dynsparse.environments.models import model_of
from dynsparse.mjx_internals import collision_pairs
from dynsparse.sparsity.links import Linkage
from dynsparse.sparsity.model_links import model_linkage
from dynsparse.sparsity.structure import Pairs, structure, structure_table
from dynsparse.storage.tables import with_metadata
from dynsparse.suite import dataset_name, suite_of


def structures(environments: Sequence[str]) -> pa.Table:
    """``dynsparse.sparsity.structure.SCHEMA`` for each of some environments.

    The metadata have what ``facts_of`` says of each under ``models``, and its suite. There and in
    the table environments are called as in datasets.

    Raises:
        DynsparseError: there is no such environment.
    """
    tables, models = [], {}
    for name in environments:
        called = dataset_name(name)
        model, substeps = model_of(name)
        pairs = collision_pairs(model)
        tables.append(_table(called, model, pairs, substeps))
        models[called] = {"suite": suite_of(name).name, **facts_of(model, pairs)}
    joined = pa.concat_tables(tables)
    return with_metadata(joined, "structure", sources=sorted(models), models=models)


def facts_of(model: mujoco.MjModel, pairs: Pairs) -> dict[str, int]:
    """What a model has that may tie its parts, or make the tie depend on the state."""
    muscle = model.actuator_dyntype == mujoco.mjtDyn.mjDYN_MUSCLE
    free = model.jnt_type == mujoco.mjtJoint.mjJNT_FREE
    losses = (model.dof_frictionloss > 0).sum() + (model.tendon_frictionloss > 0).sum()
    counts = {
        "states": model.nq + model.nv + model.na,
        "actions": model.nu,
        "trees": model.ntree,
        "free_bodies": free.sum(),
        "pairs": len(pairs),
        "limits": model.jnt_limited.sum() + model.tendon_limited.sum(),
        "friction_losses": losses,
        "equalities": model.neq,
        "muscles": muscle.sum(),
    }
    return {name: int(count) for name, count in counts.items()}


def environment_links(name: str) -> Linkage:
    """The parts of an environment's model, and the links between them.

    Raises:
        DynsparseError: there is no such environment, or its actuators have activations.
    """
    model, _ = simulated_model(name)
    return model_linkage(model, collision_pairs(model))


def _table(name: str, model: mujoco.MjModel, pairs: Pairs, substeps: int) -> pa.Table:
    found = structure(model, pairs, substeps)
    table = structure_table(found, name, names.state_names(model), names.action_names(model))
    return table.replace_schema_metadata(None)
