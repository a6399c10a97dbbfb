"""Which elements of a Jacobian a set of open links allows: pure functions, of no simulator.

A mechanism is described by its *parts*, each of which acts on itself at all times, and by *links*
that may tie parts together: a contact, a limit, a taut tendon. What open links tie acts as one
part. An open link also lets in columns that nothing else feels, such as the height above the
ground.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped

Indices = tuple[int, ...]
# A number from 0 to 1 or a boolean for each link or element, in NumPy or in JAX.
Openness = Shaped[Any, "*samples links"]
Reached = Shaped[Any, "*samples outputs inputs"]


@dataclass(frozen=True)
class Part:
    """What acts on itself at all times.

    Attributes:
        rows: the outputs that belong to it, and to no other part.
        columns: the inputs that act on these at all times; another part may have them too.
    """

    rows: Indices
    columns: Indices


@dataclass(frozen=True)
class Link:
    """What may tie parts.

    Attributes:
        name: such as ``contact cup ball cup_x ball_x``.
        parts: the numbers of those that it ties when it is open, or of one.
        columns: the inputs that act on these when it is open.
        seen: the inputs that tell whether it is open.
    """

    name: str
    parts: Indices
    columns: Indices
    seen: Indices


@dataclass(frozen=True)
class Linkage:
    """A mechanism: parts that have each output once, and links between them.

    Attributes:
        inputs: the number of columns: state and action.
        own: the inputs that act on each output at all times, whatever its part feels: itself, and
            on a position its velocity.
        parts: see ``Part``.
        links: see ``Link``.
    """

    inputs: int
    own: tuple[Indices, ...]
    parts: tuple[Part, ...]
    links: tuple[Link, ...]

    @property
    def outputs(self) -> int:
        """The number of rows."""
        return len(self.own)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Linkage":
        """What ``dataclasses.asdict`` made, from lists as JSON has them.

        Raises:
            KeyError: something is missing.
        """
        parts = [Part(_whole(p["rows"]), _whole(p["columns"])) for p in plain["parts"]]
        links = [
            Link(str(k["name"]), *(_whole(k[name]) for name in ("parts", "columns", "seen")))
            for k in plain["links"]
        ]
        own = tuple(_whole(columns) for columns in plain["own"])
        return cls(int(plain["inputs"]), own, tuple(parts), tuple(links))


class Incidence(NamedTuple):
    """A linkage as matrices: what belongs to what."""

    own: Bool[np.ndarray, "outputs inputs"]
    rows: Bool[np.ndarray, "outputs parts"]
    columns: Bool[np.ndarray, "parts inputs"]
    ends: Bool[np.ndarray, "links parts"]
    felt: Bool[np.ndarray, "links inputs"]
    seen: Bool[np.ndarray, "links inputs"]


def incidence(linkage: Linkage) -> Incidence:
    """The matrices of a linkage."""
    parts, links = linkage.parts, linkage.links
    return Incidence(
        _members(linkage.own, linkage.inputs),
        _members([part.rows for part in parts], linkage.outputs).T,
        _members([part.columns for part in parts], linkage.inputs),
        _members([link.parts for link in links], len(parts)),
        _members([link.columns for link in links], linkage.inputs),
        _members([link.seen for link in links], linkage.inputs),
    )


def reached(linkage: Linkage, openness: Openness) -> Reached:
    """How open the best way is by which an input may act on an output.

    A way is as open as the least open link on it. With booleans it is whether there is a way, and
    a number exceeds a half just where there is one through links that do.

    Args:
        linkage: the mechanism.
        openness: of each link, an array of NumPy or JAX. It may have axes before the links'.
    """
    xp, dtype = openness.__array_namespace__(), openness.dtype
    found = incidence(linkage)
    own, columns, ends, felt = (
        xp.asarray(matrix, dtype=dtype)
        for matrix in (found.own, found.columns, found.ends, found.felt)
    )
    alone = xp.asarray(np.eye(len(linkage.parts)), dtype=dtype)
    tied = xp.broadcast_to(alone, (*openness.shape[:-1], *alone.shape))
    for number in range(len(linkage.links)):
        pair = ends[number][:, None] * ends[number]
        tied = xp.maximum(tied, openness[..., number, None, None] * pair)
    for between in range(len(linkage.parts)):
        through = xp.minimum(tied[..., :, between, None], tied[..., None, between, :])
        tied = xp.maximum(tied, through)
    acts = columns
    for number in range(len(linkage.links)):
        there = ends[number][:, None] * felt[number]
        acts = xp.maximum(acts, openness[..., number, None, None] * there)
    by_part = xp.minimum(tied[..., :, :, None], acts[..., None, :, :])
    part_of_row = found.rows.argmax(axis=1)
    return xp.maximum(own, by_part.max(axis=-2)[..., part_of_row, :])


def _members(groups: Sequence[Indices], size: int) -> Bool[np.ndarray, "groups size"]:
    found = np.zeros((len(groups), size), bool)
    for number, group in enumerate(groups):
        found[number, list(group)] = True
    return found


def _whole(values: Sequence[Any]) -> Indices:
    return tuple(int(value) for value in values)
