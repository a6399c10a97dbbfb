"""Datasets of one environment: files, several of them, or arrays of any simulator or network."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from dynsparse.api import arrays
from dynsparse.api.episode import Case, Episode, Part
from dynsparse.api.given import check_distinct
from dynsparse.api.labelled import to_numpy, to_xarray
from dynsparse.api.names import bare, unit
from dynsparse.api.rows import rows_of
from dynsparse.dataset import open_dataset
from dynsparse.dataset.schema import DIGEST, layout
from dynsparse.errors import DynsparseError

if TYPE_CHECKING:
    import xarray

# What files have to have in common to be one dataset.
SHARED = (
    *("environment", "state_names", "action_names", "contact_names", "constraint_names"),
    *("control_dt_s", "dtype"),
)


class Dataset:
    """Episodes of one environment, of one file or more; ``dynsparse.load`` gives one.

    It holds no open file: it can be pickled, and handed to other processes.

    Attributes:
        cases: environment, behaviour and seed of each file.
        episodes: all episodes, file by file.
        state_names: names of the state's dimensions, such as ``qvel:bthigh``.
        action_names: names of the action's dimensions, such as ``ctrl:bfoot``.
        contact_names: names of geom pairs.
        constraint_names: names of limits and friction losses.
        units: of each dimension of state and action, such as ``rad/s``.
        control_dt_s: seconds per step.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        """Take what ``open_part`` or ``from_arrays`` made.

        Raises:
            DynsparseError: they are of different environments, or of different kind; or names do
                not tell dimensions apart.
        """
        first = parts[0]
        for part in parts[1:]:
            for name in SHARED:
                ours, theirs = getattr(first.info, name), getattr(part.info, name)
                if ours != theirs:
                    raise DynsparseError(
                        f"{part.origin}: another {name.rstrip('s')} than {first.origin}: a dataset"
                        " is of one environment; load them apart"
                    )
        info = first.info
        check_distinct(info.state_names, info.action_names, first.origin)
        self.parts = tuple(parts)
        self.cases: list[Case] = [part.case for part in parts]
        self.episodes = [Episode(part, k) for part in parts for k in range(part.info.episodes)]
        self.state_names = tuple(map(bare, info.state_names))
        self.action_names = tuple(map(bare, info.action_names))
        self.contact_names, self.constraint_names = info.contact_names, info.constraint_names
        self.units = {bare(name): unit(name) for name in (*info.state_names, *info.action_names)}
        self.control_dt_s = info.control_dt_s

    @classmethod
    def from_arrays(
        cls,
        *,
        state_jacobian: np.ndarray,
        action_jacobian: np.ndarray | None = None,
        **more: Any,
    ) -> "Dataset":
        """Jacobians of any simulator or network, at the steps of one episode or several.

        Args:
            state_jacobian: (T, ds, ds) of one episode, or (E, T, ds, ds); a row is an output. A
                sample that is not finite has no derivative.
            action_jacobian: (..., ds, da) of the same steps; None: there are no actions.
            more: ``state_names`` and ``action_names``, with units in square brackets or without;
                ``state``, ``action``, ``next_state`` and ``reward`` of the steps;
                ``control_dt_s`` (1 s unless said), ``environment``, ``behaviour``, ``seed``.

        Raises:
            DynsparseError: shapes or names do not fit together.
        """
        return cls([arrays.part(state_jacobian, action_jacobian, **more)])

    def to_numpy(self, *, all: bool = False) -> dict[str, np.ndarray]:
        """All arrays by name, (episode, time, ...), copied into memory.

        Args:
            all: Jacobians of samples without a derivative keep their numbers; else they are NaN.

        Raises:
            DynsparseError: files have episodes of different length, or memory does not suffice.
        """
        return to_numpy(self.parts, all)

    def to_xarray(self, *, all: bool = False) -> "xarray.Dataset":
        """The same with named dimensions, coordinates and units.

        Raises:
            DynsparseError: as ``to_numpy``, or xarray is not installed.
        """
        return to_xarray(self.parts, all)

    def __len__(self) -> int:
        return len(self.episodes)

    def __getitem__(self, index: int) -> Episode:
        return self.episodes[index]

    def __iter__(self) -> Iterator[Episode]:
        return iter(self.episodes)

    def __repr__(self) -> str:
        steps = sum(map(len, self.episodes))
        cases = ", ".join("/".join(map(str, case)) for case in self.cases)
        return (
            f"<Dataset {cases}: {len(self)} episodes, {steps} steps,"
            f" state {len(self.state_names)}, action {len(self.action_names)}>"
        )


def open_part(path: Path | str) -> Part:
    """A dataset file: what it says is checked, its numbers are not read.

    Raises:
        DynsparseError: as ``dynsparse.dataset.open_dataset``; or it does not hold what it claims.
    """
    with ExitStack() as stack:
        info = stack.enter_context(open_dataset(path)).info
        file = stack.enter_context(h5py.File(path, "r"))
        names = [name for name in layout(info) if name != DIGEST]
        return Part(info, {name: rows_of(file[name]) for name in names}, str(path))
