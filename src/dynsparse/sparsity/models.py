"""The structure of Playground's models, of which the statistics themselves know nothing."""

from collections.abc import Sequence

import pyarrow as pa

from dynsparse.environments import names, playground_environment
from dynsparse.mjx_internals import collision_pairs
from dynsparse.sparsity.parquet import with_metadata
from dynsparse.sparsity.structure import structure, structure_table


def structures(environments: Sequence[str]) -> pa.Table:
    """``dynsparse.sparsity.structure.SCHEMA`` for each of some environments.

    Raises:
        DynsparseError: the suite has no such environment.
    """
    tables = [_table(name) for name in environments]
    return with_metadata(pa.concat_tables(tables), "structure", sources=sorted(environments))


def _table(name: str) -> pa.Table:
    environment = playground_environment(name)
    model = environment.mj_model
    found = structure(model, collision_pairs(model), int(environment.n_substeps))
    table = structure_table(found, name, names.state_names(model), names.action_names(model))
    return table.replace_schema_metadata(None)
