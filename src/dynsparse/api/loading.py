"""``dynsparse.load``: by what a name is, a dataset, a study or a simulator."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.suite import environment_names

Source = str | os.PathLike[str]


def load(source: Source | Iterable[Source]) -> Any:
    """Load a dataset, a study or an environment's simulator.

    Args:
        source: an HDF5 file, or several of one environment: a ``Dataset``. The folder of a study:
            a ``Study``. The name of an environment, such as ``CheetahRun``: a ``Simulator``.

    Raises:
        DynsparseError: there is no such thing; a file or folder and an environment have the same
            name (``./CheetahRun`` is the folder); or it cannot be read.
    """
    if not isinstance(source, str | os.PathLike):
        return _dataset(_paths(source))
    path, name = Path(source), str(source)
    if isinstance(source, str) and name in environment_names():
        if path.exists():
            raise DynsparseError(
                f"{name!r} is an environment, and a file or folder here: write './{name}' for the"
                f" latter, dynsparse.simulator({name!r}) for the former"
            )
        from dynsparse.api.simulator import simulator

        return simulator(name)
    if path.is_dir():
        from dynsparse.api.study import Study

        return Study.open(path)
    if not path.exists() and name.isidentifier():
        near = did_you_mean(name, environment_names())
        raise DynsparseError(f"{name!r} is neither a file, a folder, nor an environment; {near}")
    return _dataset([path])


def _paths(source: Any) -> list[Path]:
    try:
        return [Path(path) for path in source]
    except TypeError:
        raise DynsparseError(
            f"load: {source!r}: a file, several files, a study's folder or an environment is needed"
        ) from None


def _dataset(paths: list[Path]) -> Any:
    from dynsparse.api.dataset import Dataset, open_part

    if not paths:
        raise DynsparseError("nothing to load: give at least one file")
    return Dataset([open_part(path) for path in paths])
