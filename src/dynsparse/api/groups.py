"""Dimensions of a state in groups: by joint, body or kinematic tree.

Causal world models learn edges between objects. ``groups.json`` has the groups of the suite, so
that nobody needs a simulator for them; ``python -m dynsparse.api.groups`` prints it.
"""

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from dynsparse.api.names import bare
from dynsparse.dataset import DatasetInfo
from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.suite import SUITE

if TYPE_CHECKING:
    import mujoco

Level = Literal["scalar", "joint", "body", "tree"]
LEVELS: tuple[Level, ...] = ("scalar", "joint", "body", "tree")
ACTION = "action"


class Groups(NamedTuple):
    """Nodes of a graph, whose edges lead from columns to rows of a Jacobian.

    Attributes:
        rows: names of the groups of the next state's dimensions.
        columns: those of the state's, then of the action's; at all levels but ``scalar`` the whole
            action is one.
        row: the group of each dimension of the next state.
        column: the group of each dimension of state and action.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row: Int[np.ndarray, " ds"]
    column: Int[np.ndarray, " inputs"]

    def edges(
        self, nonzero: Bool[np.ndarray, "*n ds inputs"]
    ) -> Bool[np.ndarray, "*n rows columns"]:
        """Where any element between two groups is nonzero."""
        if len(self.rows) == len(self.row) and len(self.columns) == len(self.column):
            return nonzero
        left = np.eye(len(self.rows), dtype=np.float32)[self.row].T
        right = np.eye(len(self.columns), dtype=np.float32)[self.column]
        return (left @ nonzero.astype(np.float32) @ right) > 0


def groups(info: DatasetInfo, level: str) -> Groups:
    """The groups of a dataset's dimensions.

    Raises:
        DynsparseError: there is no such level; or joints and bodies of the environment are not
            known, since it is not of the suite and no simulator is installed.
    """
    if level not in LEVELS:
        raise DynsparseError(f"level {level!r} does not exist; {did_you_mean(level, LEVELS)}")
    states, actions = map(bare, info.state_names), tuple(map(bare, info.action_names))
    if level == "scalar":
        names = tuple(states)
        inputs = len(names) + len(actions)
        return Groups(names, (*names, *actions), np.arange(len(names)), np.arange(inputs))
    of_state = _known(info)[level]
    if len(of_state) != len(info.state_names):
        raise DynsparseError(
            f"level {level!r}: {info.environment} has {len(of_state)} dimensions, the dataset"
            f" {len(info.state_names)}"
        )
    names = tuple(dict.fromkeys(of_state))
    row = np.array([names.index(name) for name in of_state])
    column = np.concatenate([row, np.full(len(actions), len(names))])
    return Groups(names, (*names, ACTION), row, column)


def of_model(model: "mujoco.MjModel") -> dict[str, list[str]]:
    """Level -> the group of each dimension of the state (qpos, qvel)."""
    # The joint of each position, as MuJoCo has that of each velocity.
    positions = np.repeat(np.arange(model.njnt), np.diff([*model.jnt_qposadr, model.nq]))
    joints = [int(joint) for joint in (*positions, *model.dof_jntid)]
    named = {"joint": _joint, "body": _body, "tree": _tree}
    return {level: [name(model, joint) for joint in joints] for level, name in named.items()}


def _joint(model: "mujoco.MjModel", joint: int) -> str:
    return model.joint(joint).name or f"#{joint}"


def _body(model: "mujoco.MjModel", joint: int) -> str:
    body = int(model.jnt_bodyid[joint])
    return model.body(body).name or f"#{body}"


def _tree(model: "mujoco.MjModel", joint: int) -> str:
    """The first body of the tree: those that joints connect, up to what is fixed to the world."""
    tree = model.dof_treeid[model.jnt_dofadr[joint]]
    body = int(np.flatnonzero(model.body_treeid == tree)[0])
    return model.body(body).name or f"#{body}"


def _known(info: DatasetInfo) -> dict[str, Any]:
    shipped = json.loads((files("dynsparse.api") / "groups.json").read_text())
    if info.environment in shipped:
        return shipped[info.environment]
    try:
        from dynsparse.environments import simulated_model

        return of_model(simulated_model(info.environment).mj_model)
    except (DynsparseError, ModuleNotFoundError) as error:
        raise DynsparseError(
            f"joints and bodies of {info.environment!r} are not known ({error}); take level"
            " 'scalar'"
        ) from None


def listing() -> str:
    """groups.json: every environment of the suite on a line."""
    from dynsparse.environments import simulated_model

    lines = [
        f"{json.dumps(name)}: {json.dumps(of_model(simulated_model(name).mj_model))}"
        for name in SUITE
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    print(listing(), end="")
