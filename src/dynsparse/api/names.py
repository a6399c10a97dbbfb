"""Names of dimensions: ``qvel:bthigh [rad/s]`` in a file is ``qvel:bthigh`` in ``rad/s``."""

import re
from collections.abc import Sequence

from dynsparse.errors import DynsparseError, did_you_mean

# Names that come twice in a model are numbered behind their units.
_NAME = re.compile(r"(?P<name>.*) \[(?P<unit>[^\[\]]*)\](?P<number> \(\d+\))?", re.DOTALL)


def bare(name: str) -> str:
    """A name without its unit."""
    match = _NAME.fullmatch(name)
    return match["name"] + (match["number"] or "") if match else name


def unit(name: str) -> str:
    """The unit in a name; ``1`` where there is none."""
    match = _NAME.fullmatch(name)
    return match["unit"] if match else "1"


def position(asked: str, names: Sequence[str], what: str) -> int:
    """Where a name is among those of a file; it may be asked for with its unit or without.

    Args:
        asked: the name.
        names: as stored, with units.
        what: they name, for the message: ``row`` or ``column``.

    Raises:
        DynsparseError: there is no such name; the message has the nearest.
    """
    for known in (list(names), [bare(name) for name in names]):
        if asked in known:
            return known.index(asked)
    near = did_you_mean(asked, map(bare, names)) if names else "there are none"
    raise DynsparseError(f"{what} {asked!r} does not exist; {near}")
