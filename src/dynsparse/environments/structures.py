"""The structure of the environments' models, of which the statistics themselves know nothing."""

from collections.abc import Sequence

import pyarrow as pa

from dynsparse.environments import names, simulated_model
from dynsparse.mjx_internals import collision_pairs
from dynsparse.sparsity.structure import structure, structure_table
from dynsparse.storage.tables import with_metadata


def structures(environments: Sequence[str]) -> pa.Table:
    """``dynsparse.sparsity.structure.SCHEMA`` for each of some environments.

    Raises:
        DynsparseError: there is no such environment.
    """
    tables = [_table(name) for name in environments]
    return with_metadata(pa.concat_tables(tables), "structure", sources=sorted(environments))


def _table(name: str) -> pa.Table:
    model, substeps = simulated_model(name)
    found = structure(model, collision_pairs(model), substeps)
    table = structure_table(found, name, names.state_names(model), names.action_names(model))
    return table.replace_schema_metadata(None)
