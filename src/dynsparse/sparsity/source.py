"""What every statistic needs of a dataset."""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float

from dynsparse.errors import DynsparseError

Jacobian = Literal["state", "action"]
JACOBIANS: tuple[Jacobian, ...] = ("state", "action")


@runtime_checkable
class Info(Protocol):
    """The facts about a dataset that the statistics carry on."""

    @property
    def environment(self) -> str: ...  # noqa: D102
    @property
    def behaviour(self) -> str: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def state_names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def action_names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def contact_names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def constraint_names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def control_dt_s(self) -> float: ...  # noqa: D102


@runtime_checkable
class Episode(Protocol):
    """One episode of T steps; Jacobian rows are outputs, columns inputs."""

    @property
    def index(self) -> int: ...  # noqa: D102
    @property
    def reward(self) -> Float[np.ndarray, " T"]: ...  # noqa: D102
    @property
    def state_jacobian(self) -> Float[np.ndarray, "T ds ds"]: ...  # noqa: D102
    @property
    def action_jacobian(self) -> Float[np.ndarray, "T ds da"]: ...  # noqa: D102
    @property
    def jacobian_ok(self) -> Bool[np.ndarray, " T"]: ...  # noqa: D102
    @property
    def jacobian_element_ok(self) -> Bool[np.ndarray, "T ds inputs"] | None: ...  # noqa: D102
    @property
    def begins(self) -> Bool[np.ndarray, " T"]: ...  # noqa: D102
    @property
    def contact(self) -> Bool[np.ndarray, "T pairs"]: ...  # noqa: D102
    @property
    def constraint_active(self) -> Bool[np.ndarray, "T constraints"]: ...  # noqa: D102


@runtime_checkable
class Source(Protocol):
    """A dataset, read one episode at a time (``dynsparse.dataset`` gives one)."""

    @property
    def info(self) -> Info: ...  # noqa: D102
    def episodes(self) -> Iterable[Episode]: ...  # noqa: D102


class Elements(NamedTuple):
    """Row and column numbers and names of a Jacobian's elements, row by row."""

    row: np.ndarray
    column: np.ndarray
    row_name: np.ndarray
    column_name: np.ndarray


def jacobian_of(episode: Episode, jacobian: Jacobian) -> Float[np.ndarray, "T elements"]:
    """One Jacobian of every step, its elements flattened row by row."""
    values = episode.state_jacobian if jacobian == "state" else episode.action_jacobian
    return values.reshape(len(values), -1)


def known_elements(episode: Episode, jacobian: Jacobian) -> Bool[np.ndarray, "T elements"] | None:
    """Which elements of one Jacobian have a derivative; None where whole samples have or not."""
    known = episode.jacobian_element_ok
    if known is None:
        return None
    states = known.shape[1]
    part = known[..., :states] if jacobian == "state" else known[..., states:]
    return part.reshape(len(part), -1)


def elements_of(info: Info, jacobian: Jacobian) -> Elements:
    """The elements of a Jacobian in the order of ``jacobian_of``."""
    rows = np.asarray(info.state_names, dtype=object)
    columns = rows if jacobian == "state" else np.asarray(info.action_names, dtype=object)
    row, column = np.divmod(np.arange(len(rows) * len(columns), dtype=np.int32), len(columns))
    return Elements(row, column, rows[row], columns[column])


def identity_columns(info: Info, rows: int) -> dict[str, pa.Array]:
    """The three columns that every table of statistics begins with."""
    return {
        "environment": pa.repeat(pa.scalar(info.environment), rows),
        "behaviour": pa.repeat(pa.scalar(info.behaviour), rows),
        "seed": pa.repeat(pa.scalar(info.seed, pa.int64()), rows),
    }


def source_name(info: Info) -> str:
    """What a statistic was computed from, as told in its metadata.

    Raises:
        DynsparseError: a stranger's file has a name that would lead elsewhere as a path.
    """
    for name in (info.environment, info.behaviour):
        if not re.fullmatch("[A-Za-z0-9]+(-[A-Za-z0-9]+)*", name):
            raise DynsparseError(
                f"a dataset is of {name!r}: names have letters and digits only, and hyphens between"
            )
    return f"{info.environment}/{info.behaviour}/seed-{info.seed}"
