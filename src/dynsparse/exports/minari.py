"""A dataset as one of Minari, which neither Gymnasium's environments nor JAX are needed for."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dynsparse.api.labelled import AXES
from dynsparse.api.names import bare, unit
from dynsparse.api.optional import needed
from dynsparse.dataset import Dataset, DatasetInfo, open_dataset
from dynsparse.dataset.schema import DIGEST, UNITS, layout
from dynsparse.errors import DynsparseError

STORAGES = ("hdf5", "arrow", "parquet")
# What Minari has places of its own for; all else of a step is an info.
_OWN = {"state", "action", "next_state", "reward", "terminated", "truncated", DIGEST}
DESCRIPTION = (
    "Rollouts with the Jacobians of every control step. Observations are simulator states"
    " (positions, velocities), not the task's observations. As in Gymnasium, infos at t + 1 belong"
    " to step t: read infos['state_jacobian'][1:]; index 0 is NaN or False. Samples whose"
    " jacobian_ok is False have no derivative."
)


def to_minari(path: Path | str, folder: Path | str, storage: str = "hdf5") -> None:
    """Write a dataset file as a Minari dataset, which ``minari.MinariDataset(folder)`` opens.

    Args:
        path: of the dataset file.
        folder: to be made; it appears whole or not at all.
        storage: one of ``STORAGES``.

    Raises:
        DynsparseError: the folder exists; the file is damaged, has no rewards, or is no unbroken
            rollout; Minari is not installed; or the folder cannot be written.
    """
    if storage not in STORAGES:
        raise DynsparseError(f"storage {storage!r} does not exist; take {', '.join(STORAGES)}")
    for package in ("minari", "PIL", "pyarrow" if storage != "hdf5" else "h5py"):
        needed(package, "minari", "export to minari")
    with open_dataset(path) as dataset, _whole_folder(Path(folder)) as temporary:
        _write(dataset, temporary, storage, str(path))


def _write(dataset: Dataset, folder: Path, storage: str, origin: str) -> None:
    from gymnasium.spaces import Box
    from minari import __version__
    from minari.dataset.minari_storage import MinariStorage

    info = dataset.info
    spaces = (
        Box(-np.inf, np.inf, (len(names),), np.dtype(info.dtype).type)
        for names in (info.state_names, info.action_names)
    )
    target = MinariStorage.new(folder, *spaces, data_format=storage)
    for episode in dataset.episodes():
        arrays = {name: getattr(episode, name) for name in layout(info) if name != DIGEST}
        target.update_episodes([_buffer(arrays, f"{origin}: episode {episode.index}")])
    target.update_metadata(
        {
            "dataset_id": f"dynsparse/{info.environment}/{info.behaviour}-{info.seed}-v0",
            "minari_version": __version__,
            "description": DESCRIPTION,
            "dynsparse": about(info),
        }
    )


def _buffer(arrays: dict[str, np.ndarray], where: str) -> Any:
    """An episode of T steps: T + 1 observations and infos, T of all else."""
    from minari.data_collector import EpisodeBuffer

    if np.isnan(arrays["reward"]).all():
        raise DynsparseError(f"{where} has no rewards, which Minari wants")
    state, following = arrays["state"], arrays["next_state"]
    if not np.array_equal(state[1:], following[:-1], equal_nan=True):
        raise DynsparseError(f"{where}: a step does not begin where the one before it ended")
    return EpisodeBuffer(
        observations=np.concatenate([state, following[-1:]]),
        actions=arrays["action"],
        rewards=arrays["reward"].tolist(),
        terminations=arrays["terminated"].tolist(),
        truncations=arrays["truncated"].tolist(),
        infos={n: _info(v) for n, v in arrays.items() if n not in _OWN and v.size},
    )


def _info(values: np.ndarray) -> Any:
    """An info at t + 1 is of step t. What is one number a step can be read as a list alone."""
    empty = np.full_like(values[:1], False if values.dtype == bool else np.nan)
    moved = np.concatenate([empty, values])
    return moved.tolist() if moved.ndim == 1 else moved


def about(info: DatasetInfo) -> dict[str, Any]:
    """What the numbers are: names, units, axes, precision, and the digest of the provenance."""
    named = ("state_names", "action_names", "tangent_names")
    return {
        "environment": info.environment,
        "behaviour": info.behaviour,
        "seed": info.seed,
        "control_dt_s": info.control_dt_s,
        "method": info.method,
        "dtype": info.dtype,
        **{name: list(map(bare, getattr(info, name))) for name in named},
        **{name.replace("names", "units"): list(map(unit, getattr(info, name))) for name in named},
        "contact_names": list(info.contact_names),
        "constraint_names": list(info.constraint_names),
        "units": UNITS,
        "axes": {name: ["time", *AXES.get(name, ())] for name in layout(info) if name != DIGEST},
        "threshold": "none was applied: elements are as computed",
        "provenance_sha256": hashlib.sha256(info.provenance.encode()).hexdigest(),
    }


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill beside ``folder``, which takes its name if the block succeeds."""
    if folder.exists() or folder.is_symlink():
        raise DynsparseError(f"{folder}: exists; name a folder that does not")
    # Minari joins a relative path with itself.
    folder = folder.absolute()
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(folder)
    except OSError as error:
        raise DynsparseError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
