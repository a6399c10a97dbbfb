"""Names of environments, for use without loading JAX: the suite's, and those of one's own.

An environment of one's own is a class in an installed package that names it among its entry points
(docs/own-environment.md).
"""

import re
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from dynsparse.errors import DynsparseError

# The DM Control Suite in MuJoCo Playground 0.2.
SUITE = (
    "AcrobotSwingup",
    "AcrobotSwingupSparse",
    "BallInCup",
    "CartpoleBalance",
    "CartpoleBalanceSparse",
    "CartpoleSwingup",
    "CartpoleSwingupSparse",
    "CheetahRun",
    "FingerSpin",
    "FingerTurnEasy",
    "FingerTurnHard",
    "FishSwim",
    "HopperHop",
    "HopperStand",
    "HumanoidStand",
    "HumanoidWalk",
    "HumanoidRun",
    "PendulumSwingup",
    "PointMass",
    "ReacherEasy",
    "ReacherHard",
    "SwimmerSwimmer6",
    "WalkerRun",
    "WalkerStand",
    "WalkerWalk",
)

# What a package calls its environments by, in its list of entry points.
GROUP = "dynsparse.environments"


def environment_names() -> tuple[str, ...]:
    """All environments: the suite's, then those of one's own.

    Raises:
        DynsparseError: see ``own_environments``.
    """
    return (*SUITE, *sorted(own_environments()))


def own_environments() -> dict[str, EntryPoint]:
    """The environments that installed packages add, by name.

    Raises:
        DynsparseError: a name is the suite's or another package's, or cannot be a folder's.
    """
    own: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        where = f"entry point {entry.name} = {entry.value} in group {GROUP}"
        if not re.fullmatch("[A-Za-z0-9]+", entry.name):
            raise DynsparseError(f"{where}: a name has letters and digits only")
        if entry.name in SUITE or own.get(entry.name, entry).value != entry.value:
            raise DynsparseError(f"{where}: the name is taken; choose another")
        own[entry.name] = entry
    return own


def own_files(name: str) -> dict[str, Path]:
    """What an environment of one's own is made of: its module, or all files of its package.

    Args:
        name: a name in ``own_environments``.

    Returns:
        The files, by their names in the package.

    Raises:
        DynsparseError: the package is not where its entry point says.
    """
    entry = own_environments()[name]
    package = entry.module.partition(".")[0]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise DynsparseError(f"environment {name!r}: no package {package!r} ({entry.value})")
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        return {origin.name: origin}
    files = (path for path in origin.parent.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(origin.parent).as_posix(): path for path in sorted(files)}
