"""One episode of a dataset; nothing is read before it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from dynsparse.api.given import positive
from dynsparse.api.names import position
from dynsparse.api.rows import Rows
from dynsparse.api.sizes import check_fits
from dynsparse.dataset import DatasetInfo, begins_anew
from dynsparse.dataset.schema import check_derivatives


class Case(NamedTuple):
    """What a dataset file is of."""

    environment: str
    behaviour: str
    seed: int


@dataclass(frozen=True)
class Part:
    """A dataset file, or arrays in its place.

    Attributes:
        info: what it says about itself.
        arrays: its datasets by name.
        origin: the file, for messages.
    """

    info: DatasetInfo
    arrays: Mapping[str, Rows]
    origin: str

    @property
    def case(self) -> Case:
        """What it is of."""
        return Case(self.info.environment, self.info.behaviour, self.info.seed)


@dataclass(frozen=True)
class Episode:
    """One episode of T steps. Arrays are as stored, float64 or float32, and not to be written to.

    Attributes:
        part: the file that it is in.
        index: its number there.
    """

    part: Part
    index: int

    @property
    def case(self) -> Case:
        """Environment, behaviour and seed."""
        return self.part.case

    @property
    def state(self) -> Float[np.ndarray, "T ds"]:
        """States before each step."""
        return self._stored("state")

    @property
    def action(self) -> Float[np.ndarray, "T da"]:
        """Controls held during each step."""
        return self._stored("action")

    @property
    def memory(self) -> Float[np.ndarray, "T nv"]:
        """The solver's warm start before each step."""
        return self._stored("memory")

    @property
    def next_state(self) -> Float[np.ndarray, "T ds"]:
        """States after each step."""
        return self._stored("next_state")

    @property
    def reward(self) -> Float[np.ndarray, " T"]:
        """Rewards of the steps."""
        return self._stored("reward")

    @property
    def contact(self) -> Bool[np.ndarray, "T pairs"]:
        """Which geom pairs touched."""
        return self._stored("contact")

    @property
    def constraint_active(self) -> Bool[np.ndarray, "T constraints"]:
        """Which limits pushed, and which friction losses slid."""
        return self._stored("constraint_active")

    @property
    def jacobian_ok(self) -> Bool[np.ndarray, " T"]:
        """Which steps have a derivative."""
        return self._stored("jacobian_ok")

    @property
    def begins(self) -> Bool[np.ndarray, " T"]:
        """Which steps begin something new: a robot that had fallen stands again."""
        ended = self._stored("terminated") | self._stored("truncated")
        return begins_anew(self.state, self.next_state, ended)

    @property
    def jacobian_element_ok(self) -> Bool[np.ndarray, "T ds inputs"] | None:
        """Which elements have a derivative, by state and action; None: all of those steps."""
        return self._stored("jacobian_element_ok") if self._by_element else None

    @property
    def state_jacobian(self) -> Float[np.ndarray, "T ds ds"]:
        """d next_state / d state as stored, unmasked; see ``jacobian``."""
        return self._stored("state_jacobian")

    @property
    def action_jacobian(self) -> Float[np.ndarray, "T ds da"]:
        """d next_state / d action as stored, unmasked; see ``jacobian``."""
        return self._stored("action_jacobian")

    @property
    def times(self) -> Float[np.ndarray, " T"]:
        """Times of ``state``, in seconds since the episode's start."""
        return np.arange(len(self.jacobian_ok)) * self.part.info.control_dt_s

    def jacobian(
        self, row: str | None = None, column: str | None = None, *, all: bool = False
    ) -> Float[np.ndarray, "T ..."]:
        """Derivatives of the next state by state and action, or one of them, at every step.

        Args:
            row: a dimension of the next state, such as ``qvel:bthigh``; None: all.
            column: a dimension of state or action, such as ``ctrl:bfoot``; None: all, those of
                the state first.
            all: what has no derivative keeps its number; else it is NaN.

        Returns:
            (T, rows, columns) without the axes that a name was given for. Units are those of the
            row, divided by those of the column.

        Raises:
            DynsparseError: there is no such dimension.
        """
        info = self.part.info
        rows, columns = info.state_names, (*info.state_names, *info.action_names)
        i = slice(None) if row is None else position(row, rows, "row")
        if column is not None:
            j, states = position(column, columns, "column"), len(rows)
            whole = self.state_jacobian if j < states else self.action_jacobian
            values = np.array(whole[:, i, j if j < states else j - states])
            unknown = self._unknown[:, i, j]
        else:
            both = (self.state_jacobian[:, i], self.action_jacobian[:, i])
            check_fits(sum(part.nbytes for part in both), f"{self.part.origin}: an episode")
            values = np.concatenate(both, axis=-1)
            unknown = self._unknown[:, i]
        if not all:
            values[unknown] = np.nan
        return values

    def zeros(self, threshold: float) -> np.ma.MaskedArray:
        """Which elements are zero, ``|x| < threshold``, of state and action Jacobian in a row.

        Returns:
            (T, ds, ds + da), bool; what has no derivative is masked, so that means and sums
            leave it out.

        Raises:
            DynsparseError: the threshold is no positive number, or a derivative that is said to
                be there is not finite.
        """
        threshold = positive(threshold, "threshold")
        self.check_derivatives()
        values = self.jacobian(all=True)
        return np.ma.masked_array(np.abs(values) < threshold, self._unknown)

    @property
    def _by_element(self) -> bool:
        return "jacobian_element_ok" in self.part.arrays

    @property
    def _unknown(self) -> Bool[np.ndarray, "T ds inputs"]:
        """Elements without a derivative."""
        known = self.jacobian_element_ok
        if known is not None:
            return ~known
        info = self.part.info
        shape = (len(self), len(info.state_names), len(info.state_names) + len(info.action_names))
        return np.broadcast_to(~self.jacobian_ok[:, None, None], shape)

    def check_derivatives(self) -> None:
        """Refuse derivatives that are said to be there, and are not finite.

        Raises:
            DynsparseError: there is one.
        """
        check_derivatives(
            self.state_jacobian,
            self.action_jacobian,
            self.jacobian_ok,
            f"{self.part.origin}: episode {self.index}",
        )

    def __repr__(self) -> str:
        return f"<Episode {self.index} of {'/'.join(map(str, self.case))}: {len(self)} steps>"

    def __len__(self) -> int:
        return self.part.info.steps

    def _stored(self, name: str) -> np.ndarray:
        return self.part.arrays[name].episode(self.index)
