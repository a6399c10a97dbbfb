"""Names of environments, for use without loading JAX: the suite's, and those of one's own.

An environment of one's own is a class in an installed package that names it among its entry points
(docs/own-environment.md). ``SUITES`` says what else there is, and by what each is simulated.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from dynsparse.errors import DynsparseError, did_you_mean

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

# More simulator steps in a control step are a mistake: of 0.1 ms each they take a second.
MOST_SUBSTEPS = 10_000

# MuJoCo Playground's other two suites, locomotion and manipulation.
LOCOMOTION = (
    "ApolloJoystickFlatTerrain",
    "BarkourJoystick",
    "BerkeleyHumanoidJoystickFlatTerrain",
    "G1JoystickFlatTerrain",
    "Go1Footstand",
    "Go1Getup",
    "Go1Handstand",
    "Go1JoystickFlatTerrain",
    "H1InplaceGaitTracking",
    "H1JoystickGaitTracking",
    "Op3Joystick",
    "SpotFlatTerrainJoystick",
    "SpotGetup",
    "SpotJoystickGaitTracking",
    "T1JoystickFlatTerrain",
)
MANIPULATION = (
    "AlohaHandOver",
    "AlohaSinglePegInsertion",
    "PandaOpenCabinet",
    "PandaPickCube",
    "PandaPickCubeCartesian",
    "PandaPickCubeOrientation",
)
ROBOTS = (*LOCOMOTION, *MANIPULATION)
# The rest of these two suites, and why it is not offered.
_TERRAIN = "on its terrain, a height field, MuJoCo's C engine does not repeat MJX's steps"
_BOXES = "hundreds of pairs of boxes, whose contacts MJX finds otherwise than MuJoCo's C engine"
LEFT_OUT = {
    "BerkeleyHumanoidJoystickRoughTerrain": _TERRAIN,
    "G1JoystickRoughTerrain": _TERRAIN,
    "Go1JoystickRoughTerrain": _TERRAIN,
    "T1JoystickRoughTerrain": _TERRAIN,
    "AeroCubeRotateZAxis": "its own step does not trace in float64",
    "LeapCubeReorient": _BOXES,
    "LeapCubeRotateZAxis": _BOXES,
    "PandaRobotiqPushCube": "MuJoCo's C engine does not repeat MJX's steps of its gripper",
}

# Gymnasium's MuJoCo tasks of version 5 (Ant-v5 and so on), on MJX.
GYMNASIUM = (
    "AntV5",
    "HalfCheetahV5",
    "HopperV5",
    "HumanoidV5",
    "HumanoidStandupV5",
    "InvertedDoublePendulumV5",
    "InvertedPendulumV5",
    "PusherV5",
    "ReacherV5",
    "SwimmerV5",
    "Walker2dV5",
)

# What a package calls its environments by, in its list of entry points.
GROUP = "dynsparse.environments"


@dataclass(frozen=True)
class Suite:
    """Environments that are made in one way.

    Attributes:
        name: whose they are; ``<name>:`` begins the names of environments that are not listed.
        dynamics: what steps them, MJX or MuJoCo's C engine.
        loader: ``module:function``, imported when it is needed. Given an environment's name, for
            MJX it hands back what makes it and its configuration, for the C engine a
            ``dynsparse.c_engine.simulation.Simulation``.
        packages: what its steps depend on, for the record.
        environments: their names, where all are known.
        module: what has to be importable beside dynsparse; nothing where that is all.
    """

    name: str
    dynamics: Literal["mjx", "mujoco_c"]
    loader: str
    packages: tuple[str, ...]
    environments: tuple[str, ...] = ()
    module: str = ""

    def load(self, name: str) -> Any:
        """What the loader makes of a name."""
        module, _, function = self.loader.partition(":")
        return getattr(import_module(module), function)(name)


_MJX = ("dynsparse", "jax", "jaxlib", "mujoco", "mujoco-mjx", "playground", "numpy", "h5py")
_PLAYGROUND = "dynsparse.environments.playground"
DM_CONTROL_SUITE = Suite("playground", "mjx", f"{_PLAYGROUND}:suite_recipe", _MJX, SUITE)
_ROBOTS = "dynsparse.environments.robots:robot_recipe"
PLAYGROUND_ROBOTS = Suite("robots", "mjx", _ROBOTS, _MJX, ROBOTS)
GYMNASIUM_ON_MJX = Suite(
    "gymnasium_v5",
    "mjx",
    f"{_PLAYGROUND}:gymnasium_recipe",
    (*_MJX, "gymnasium"),
    GYMNASIUM,
    "gymnasium",
)
OWN = Suite("own", "mjx", f"{_PLAYGROUND}:own_recipe", _MJX)
_C = ("dynsparse", "mujoco", "numpy", "h5py")
_SIMULATION = "dynsparse.c_engine.simulation"


def _on_c(name: str, package: str, module: str) -> Suite:
    """A suite on the C engine, whose loader has its name."""
    return Suite(name, "mujoco_c", f"{_SIMULATION}:{name}", (*_C, package), module=module)


SUITES = (
    DM_CONTROL_SUITE,
    PLAYGROUND_ROBOTS,
    GYMNASIUM_ON_MJX,
    OWN,
    Suite("mjcf", "mujoco_c", f"{_SIMULATION}:mjcf", _C),
    _on_c("gymnasium", "gymnasium", "gymnasium"),
    _on_c("dm_control", "dm-control", "dm_control"),
    _on_c("metaworld", "metaworld", "metaworld"),
    _on_c("myosuite", "myosuite", "myosuite"),
    Suite("callable", "mujoco_c", f"{_SIMULATION}:callable_environment", _C),
)


def suite_of(name: str) -> Suite:
    """The suite that an environment belongs to; one's own, if it is nobody else's."""
    before, colon, _ = name.partition(":")
    for suite in SUITES:
        prefixed = colon and before == suite.name
        if name in suite.environments or (prefixed and not suite.environments):
            return suite
    return OWN


def on_c_engine(name: str) -> bool:
    """Whether MuJoCo's C engine simulates an environment, and not MJX."""
    return suite_of(name).dynamics == "mujoco_c"


def dataset_name(name: str) -> str:
    """What datasets and their paths call an environment: letters, digits and hyphens."""
    if not on_c_engine(name):
        return name
    last = name.partition(":")[2]
    if name.startswith("mjcf:"):
        last = Path(mjcf_file(name)).stem
    return re.sub("[^A-Za-z0-9]+", "-", last).strip("-") or "model"


def mjcf_parts(name: str) -> tuple[str | None, str]:
    """The steps, where said, and the file of ``mjcf:<steps>:<file>``; no file if it is none."""
    found = re.fullmatch("mjcf:(?:([0-9]+):)?(.+)", name, re.DOTALL)
    return (found[1], found[2]) if found else (None, "")


def mjcf_steps(name: str) -> int:
    """Simulator steps in a control step of a bare model: one, where it is not said.

    Raises:
        DynsparseError: it is no such number of steps.
    """
    said, _ = mjcf_parts(name)
    if said is not None and not (len(said) <= 9 and 1 <= int(said) <= MOST_SUBSTEPS):
        raise DynsparseError(
            f"environment {name!r}: 1 to {MOST_SUBSTEPS} simulator steps make a control step"
        )
    return int(said or 1)


def mjcf_file(name: str) -> str:
    """The file of a bare model, ``mjcf:<file>`` or ``mjcf:<steps>:<file>``."""
    return mjcf_parts(name)[1]


def missing_module(name: str) -> str | None:
    """The first module that an environment needs and that is not installed; none is imported."""
    _, *named, _ = name.split(":") if on_c_engine(name) else ("", "")
    # ``gymnasium:module:Id`` and ``callable:module:function``; of ``mjcf:5:file`` it is a number.
    own = named if suite_of(name).name in ("gymnasium", "callable") else []
    needed = filter(None, (suite_of(name).module, *own))
    modules = (module.partition(".")[0] for module in needed)
    return next((module for module in modules if find_spec(module) is None), None)


def begins_again(name: str) -> bool:
    """Whether rollouts of an environment begin again where it is done, as a fallen robot does."""
    return suite_of(name) is PLAYGROUND_ROBOTS


def environment_names() -> tuple[str, ...]:
    """All environments: those of the suites, then those that installed packages add."""
    listed = (*SUITE, *ROBOTS, *GYMNASIUM)
    own = {entry.name for entry in entry_points(group=GROUP)} - set(listed)
    return (*listed, *sorted(own))


def own_environment(name: str) -> EntryPoint:
    """Where an environment of one's own is to be found.

    Raises:
        DynsparseError: no package or more than one has it, or its entry point cannot be read.
    """
    values = {entry.value: entry for entry in entry_points(group=GROUP, name=name)}
    if not values and name in LEFT_OUT:
        raise DynsparseError(f"environment {name!r} is not offered: {LEFT_OUT[name]}")
    if not values:
        near = did_you_mean(name, environment_names())
        raise DynsparseError(f"environment {name!r} does not exist; {near}")
    if len(values) > 1:
        raise DynsparseError(f"environment {name!r} has several entry points: {', '.join(values)}")
    value, entry = values.popitem()
    if not re.fullmatch("[A-Za-z0-9]+", name):
        raise DynsparseError(f"environment {name!r} ({value}): names have letters and digits only")
    match = EntryPoint.pattern.match(value)
    if match is None or not match["attr"]:
        raise DynsparseError(f"environment {name!r}: entry point {value!r} is no module:Class")
    return entry


def own_files(name: str) -> dict[str, Path]:
    """What an environment of one's own is made of: its module, or all files of its package.

    Args:
        name: such as ``own_environment`` takes.

    Returns:
        The files, by their names in the package; hidden ones and what editors leave are not its.

    Raises:
        DynsparseError: see ``own_environment``, or the package is not where that says.
    """
    entry = own_environment(name)
    package = entry.module.partition(".")[0]
    spec = find_spec(package)
    if spec is None or (spec.submodule_search_locations is None and not spec.has_location):
        raise DynsparseError(f"environment {name!r}: no package {package!r} ({entry.value})")
    if spec.submodule_search_locations is None:
        origin = Path(str(spec.origin))
        return {origin.name: origin}
    return {
        path.relative_to(folder).as_posix(): path
        for folder in map(Path, spec.submodule_search_locations)
        for path in sorted(folder.rglob("[!.]*[!~]"))
        if path.is_file() and path.suffix != ".pyc"
    }
