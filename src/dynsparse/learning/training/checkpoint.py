"""Learners on disk: safetensors with a described header, never pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dynsparse.errors import DynsparseError
from dynsparse.storage.files import read_json, whole_file

FORMAT = "dynsparse-learners"
SCHEMA_VERSION = 1

Arrays = dict[str, np.ndarray]


def write(path: Path | str, arrays: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Write named arrays and what they belong to as one whole file.

    Raises:
        DynsparseError: the file cannot be written.
    """
    header = {"schema_version": SCHEMA_VERSION, **identity}
    blob = save(
        {name: np.ascontiguousarray(values) for name, values in arrays.items()},
        {FORMAT: json.dumps(header, sort_keys=True)},
    )
    with whole_file(path) as temporary:
        temporary.write_bytes(blob)


def read(path: Path | str) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of a file that ``write`` made, and what they belong to.

    Raises:
        DynsparseError: no such file, damaged, or of another format or schema version.
    """
    try:
        with safe_open(path, framework="np") as stream:
            metadata = stream.metadata() or {}
            arrays = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
        header = read_json(metadata.get(FORMAT, "null"))
    except (SafetensorError, OSError, ValueError) as error:
        raise DynsparseError(f"{path}: holds no learners, or is damaged: {error}") from error
    if not isinstance(header, dict) or header.pop("schema_version", None) != SCHEMA_VERSION:
        raise DynsparseError(f"{path}: holds no learners of schema version {SCHEMA_VERSION}")
    return arrays, header


def leaves(prefix: str, tree: Any) -> Arrays:
    """The leaves of a pytree under names that say where they stand in it."""
    found, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {prefix + jax.tree_util.keystr(where): np.asarray(leaf) for where, leaf in found}


def restored(prefix: str, template: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """A pytree like ``template`` with the leaves that ``leaves`` named.

    Raises:
        KeyError: a leaf is not among the arrays.
    """
    found, structure = jax.tree_util.tree_flatten_with_path(template)
    values = [jax.numpy.asarray(arrays[prefix + jax.tree_util.keystr(w)]) for w, _ in found]
    return jax.tree.unflatten(structure, values)
