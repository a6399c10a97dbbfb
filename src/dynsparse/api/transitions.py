"""Transitions with the graph of who acts on whom, to train and score world models on."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dynsparse.api.dataset import Dataset
from dynsparse.api.episode import Episode, Part
from dynsparse.api.given import positive, whole
from dynsparse.api.groups import groups
from dynsparse.api.loading import load
from dynsparse.dataset.schema import check_derivatives
from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.learning.data.splits import Episodes, Split, by_episode


class Transition(NamedTuple):
    """One sample, or one window of them along the leading axis.

    Attributes:
        x: state and action, side by side.
        y: the next state.
        graph: row, column: whether the column's group acts on the row's in this step.
    """

    x: Float[np.ndarray, "*n inputs"]
    y: Float[np.ndarray, "*n outputs"]
    graph: Bool[np.ndarray, "*n rows columns"]


class Windows:
    """Samples by number, as NumPy arrays; ``dynsparse.torch.Transitions`` gives tensors.

    Attributes:
        rows, columns: what the nodes of the graphs are called.
    """

    def __init__(
        self,
        source: Dataset | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        level: str = "scalar",
        threshold: float = 1e-12,
        window: int | None = None,
        split: str | None = None,
        number: int = 0,
        shares: tuple[float, float] = (0.1, 0.1),
        all: bool = False,
    ) -> None:
        """Choose samples; nothing is read yet but which of them have a derivative.

        Args:
            source: a dataset, its file or its files.
            level: what nodes are: ``scalar`` (each dimension), ``joint``, ``body`` or ``tree``.
                There is an edge between groups where any element is nonzero, ``|x| >= threshold``.
                At all levels but the first the action is one node, the last column.
            threshold: below it an element is zero.
            window: so many steps of an episode in a row; None: single ones, without their axis.
            split: ``train``, ``validation`` or ``test``, of whole episodes; None: all.
            number: which of the splits by episode (docs/learning.md).
            shares: of the episodes that validate, and that test.
            all: samples without a derivative are taken too; their graphs mean nothing.

        Raises:
            DynsparseError: no such level or split, too few episodes, or no sample is left; or a
                number is none, or out of its range.
        """
        data = source if isinstance(source, Dataset) else load(source)
        if not isinstance(data, Dataset):
            raise DynsparseError(f"{source!r} is no dataset; give its files")
        self._threshold = positive(threshold, "threshold")
        self._window = None if window is None else whole(window, "window", 1)
        self._parts = data.parts
        self._groups = groups(data.parts[0].info, level)
        self.rows, self.columns = self._groups.rows, self._groups.columns
        self._all = all
        chosen = _chosen(data, split, whole(number, "number", 0), shares)
        # Part, episode in it, and first step of each sample.
        table = [
            np.broadcast_arrays(p, k, _starts(Episode(data.parts[p], k), self._window or 1, all))
            for index, (p, k) in enumerate(_places(data.parts))
            if index in chosen
        ]
        self._index = np.concatenate([np.stack(place) for place in table], axis=1)
        if not len(self):
            raise DynsparseError("no sample is left: no step, or no window, has derivatives")

    def __len__(self) -> int:
        return self._index.shape[1]

    def __getitem__(self, index: int) -> Transition:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return Transition(*(values[0] for values in self.batch([index])))

    def batch(self, indices: Sequence[int] | Int[np.ndarray, " n"]) -> Transition:
        """Several samples at once, along a leading axis."""
        part, episode, first = self._index[:, np.asarray(indices, dtype=np.int64)]
        if self._window is not None:
            episode, first = episode[:, None], first[:, None] + np.arange(self._window)
            episode = np.broadcast_to(episode, first.shape)
        if len(self._parts) == 1:
            return self._of(self._parts[0], episode, first)
        found: list[Transition] = []
        order = []
        for number in np.unique(part):
            mine = np.flatnonzero(part == number)
            order.append(mine)
            found.append(self._of(self._parts[number], episode[mine], first[mine]))
        back = np.argsort(np.concatenate(order))
        return Transition(*(np.concatenate(each)[back] for each in zip(*found, strict=True)))

    def _of(self, part: Part, episode: np.ndarray, step: np.ndarray) -> Transition:
        state, action, following, by_state, by_action = (
            part.arrays[name].at(episode, step)
            for name in ("state", "action", "next_state", "state_jacobian", "action_jacobian")
        )
        if not self._all:
            ok = np.ones(step.shape, bool)
            check_derivatives(by_state, by_action, ok, part.origin)
        jacobian = np.concatenate([by_state, by_action], axis=-1)
        graph = self._groups.edges(np.abs(jacobian) >= self._threshold)
        return Transition(np.concatenate([state, action], axis=-1), following, graph)


def _places(parts: Sequence[Part]) -> list[tuple[int, int]]:
    return [(p, k) for p, part in enumerate(parts) for k in range(part.info.episodes)]


def _chosen(data: Dataset, split: str | None, number: int, shares: tuple[float, float]) -> set[int]:
    """Numbers of the episodes of a split, the one that studies make; a file is a policy."""
    if split is None:
        return set(range(len(data)))
    if split not in Split._fields:
        near = did_you_mean(split, Split._fields)
        raise DynsparseError(f"split {split!r} does not exist; {near}")
    for name, share in zip(("validation", "test"), _pair(shares), strict=True):
        if positive(share, f"shares: {name}") >= 1:
            raise DynsparseError(f"shares: {name}: {share} should be less than 1")
    policies = [p for p, _ in _places(data.parts)]
    episodes = Episodes(np.arange(len(data)), np.array(policies))
    found = by_episode(episodes, *shares, number)
    return set(getattr(found, split).tolist())


def _pair(shares: Any) -> tuple[Any, Any]:
    try:
        validation, test = shares
    except (TypeError, ValueError):
        raise DynsparseError(f"shares: {shares!r} should be two, such as (0.1, 0.1)") from None
    return validation, test


def _starts(episode: Episode, window: int, all: bool) -> Int[np.ndarray, " starts"]:
    """First steps of the windows in an episode that have derivatives throughout.

    No window goes on where something new begins.
    """
    ok = episode.jacobian_ok
    if all:
        ok = np.ones(len(episode), bool)
    if len(ok) < window:
        return np.empty(0, np.int64)
    derived = np.lib.stride_tricks.sliding_window_view(ok, window).all(axis=1)
    begun = np.cumsum(episode.begins)
    return np.flatnonzero(derived & (begun[: len(begun) - window + 1] == begun[window - 1 :]))
