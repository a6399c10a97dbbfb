"""What a study may ask of environments on MuJoCo's C engine, and of those that are not installed.

There is no expert of such an environment, and no network learns it. What MJX can be set to do
otherwise has no meaning for it.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from dynsparse.errors import DynsparseError
from dynsparse.suite import dataset_name, missing_module, mjcf_file, mjcf_steps, on_c_engine

METHOD = "mujoco_c"


def check_simulations(study: Mapping[str, Any], others: Iterable[str]) -> None:
    """Check what a study says of its environments on the C engine.

    Args:
        study: filled in.
        others: the names of all environments on MJX.

    Raises:
        DynsparseError: names the key, what is wrong with it, and what would be right.
    """
    names = [name for name in study["environments"] if on_c_engine(name)]
    _check_paths(names, others)
    for name in names:
        if study["environments"][name]["behaviours"] != ["random"]:
            raise DynsparseError(
                f"config: environments.{name}.behaviours: on MuJoCo's C engine actions are random;"
                " write [random]"
            )
        if name in study["learning"]["environments"]:
            raise DynsparseError(
                f"config: learning.environments: {name} is simulated on MuJoCo's C engine, whose"
                " datasets no network learns; leave it out"
            )
    if names:
        _check_settings(names[0], "", study)
        for ablation, changes in study["robustness"]["ablations"].items():
            _check_settings(names[0], f" (robustness.ablations.{ablation})", {**study, **changes})


def _check_paths(names: Iterable[str], others: Iterable[str]) -> None:
    """Refuse two environments that would have one folder."""
    folders = {other: other for other in others}
    for name in names:
        folder = dataset_name(name)
        if folder in folders:
            raise DynsparseError(
                f"config: environments: {name!r} and {folders[folder]!r} are both called {folder!r}"
                " in paths and tables; leave one out, or rename its file"
            )
        folders[folder] = name


def _check_settings(name: str, where: str, study: Mapping[str, Any]) -> None:
    """Refuse what such an environment is not simulated or differentiated by."""
    right = {
        ("simulator", "solver"): ("as_shipped",),
        ("simulator", "dtype"): ("float64",),
        ("jacobian", "method"): ("auto", METHOD),
    }
    for (section, key), values in right.items():
        if study[section][key] not in values:
            raise DynsparseError(
                f"config: {section}.{key}{where}: {study[section][key]} is of MJX, and {name} is"
                f" simulated on MuJoCo's C engine; write {values[0]}, or leave that environment out"
            )


def without_missing(study: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A study without the optional environments whose packages are not installed.

    Args:
        study: filled in and checked.

    Returns:
        The study as it can be made here, and a line for each environment that it is made without.

    Raises:
        DynsparseError: an environment on the C engine that is not optional is not installed, the
            file of a bare model is not there, or nothing is left.
    """
    gone: dict[str, str] = {}
    for name, choices in study["environments"].items():
        if name.startswith("mjcf:"):
            _check_file(name, mjcf_file(name))
        module, optional = missing_module(name), choices.get("optional", False)
        if module is None or not (optional or on_c_engine(name)):
            continue
        if not optional:
            raise DynsparseError(
                f"config: environments.{name}: the Python module {module!r} is not installed;"
                " install it (docs/environments.md), or write optional: true to do without"
            )
        gone[name] = f"{name} is left out: the Python module {module!r} is not installed"
    left = deepcopy(dict(study))
    left["environments"] = {k: v for k, v in left["environments"].items() if k not in gone}
    if not left["environments"]:
        raise DynsparseError(f"config: environments: none is left; {'; '.join(gone.values())}")
    accepted, learned = left["verification"]["accept"], left["learning"]["environments"]
    left["verification"]["accept"] = {k: v for k, v in accepted.items() if k not in gone}
    left["learning"]["environments"] = [name for name in learned if name not in gone]
    return left, list(gone.values())


def _check_file(name: str, path: str) -> None:
    """Refuse a bare model that is not there, or is given in a way that a study cannot take."""
    mjcf_steps(name)
    if not Path(path).is_file():
        raise DynsparseError(
            f"config: environments.{name}: there is no file {path!r}; write mjcf:<file> or"
            " mjcf:<steps>:<file>"
        )
    if {"{", "}"} & set(path):
        raise DynsparseError(
            f"config: environments.{name}: the path has braces, which a study's rules cannot have;"
            " rename the file"
        )
