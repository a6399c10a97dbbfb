"""One dataset verified by itself, for a machine without Snakemake."""

import json
from pathlib import Path
from typing import Any

from tabulate import tabulate

from dynsparse.c_engine.verification import VerifiedFile, verify_simulated
from dynsparse.dataset import DatasetInfo, open_dataset
from dynsparse.environments.playground import Solver
from dynsparse.errors import DynsparseError
from dynsparse.precision import Precision
from dynsparse.tables.verdicts import require_verified
from dynsparse.tables.verification import verification_table
from dynsparse.verification import verify_jacobians


def verify_file(
    path: Path, samples: int, environment: str | None = None, model: Path | None = None
) -> VerifiedFile:
    """Replay a dataset, and hold a sample of its Jacobians against finite differences.

    Refused is what is no function of state, action and memory, every wrong Jacobian, and every
    zero that is none. Where MuJoCo's C engine steps elsewhere is told, and refuses nothing: a
    study says what it accepts of that (``verification.accept``), a file does not.

    Args:
        path: the dataset.
        samples: how many; all, if the file has no more.
        environment: what the file was made of on MuJoCo's C engine, if that is a stranger's code.
        model: the MJCF file that it was made of there, if that is not where it was.

    Raises:
        DynsparseError: no sound dataset, or one without a finite Jacobian.
    """
    with open_dataset(path) as dataset:
        info = dataset.info
        if info.by_element:
            return verify_simulated(path, dataset, samples, environment, model)
        solver, dtype = _simulator(path, info)
        found = verify_jacobians(dataset, samples, [], solver, dtype)
    table = verification_table([found.samples], [found.replay])
    (row,) = table.to_pylist()
    lines = [(name, _text(value)) for name, value in row.items()]
    try:
        require_verified(table, 1.0, {info.environment: ["engine"]}, solver)
    except DynsparseError as error:
        return VerifiedFile(tabulate(lines, disable_numparse=True), f"{path}: {error}")
    return VerifiedFile(tabulate(lines, disable_numparse=True), None)


def _simulator(path: Path, info: DatasetInfo) -> tuple[Solver, Precision]:
    """The settings of the simulator that the file was made with."""
    try:
        config = json.loads(info.provenance)["config"]
        return config["solver"], config["dtype"]
    except (ValueError, TypeError, KeyError):
        raise DynsparseError(
            f"{path}: its provenance does not say how the simulator was set (config: solver, dtype)"
        ) from None


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
