"""The linkage of a model: what acts on itself at all times, and what constraints may tie.

A part is what smooth forces couple: the mass matrix, actuators, fluids, tendons that pull. What may
link parts are two bodies that may touch (one of them may be the world), a joint's limit, or a
tendon that only holds. Each of these has a link for each pair of parts that it may tie, since a
touch from above need not tie what moves sideways. A link lets in the positions and velocities that
its parts feel through constraints alone. Links that could bring nothing are left out: a limit
within a tree that feels that joint anyway. A friction loss of a joint ties nothing else to it.

With all links open, what a linkage allows is what ``dynsparse.sparsity.structure`` does not prove
to be zero. That proof ties everything wherever a constraint may act, since the solver may stop
early. Where the other links do not reach as far, one more, ``solver``, ties all parts.

Equality constraints, flexible bodies and plugins act at all times: all is one part, as in the
proof.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool

from dynsparse.errors import DynsparseError
from dynsparse.sparsity.kinematics import body_dofs, joint_dofs, tendon_dofs
from dynsparse.sparsity.links import Indices, Link, Linkage, Part, reached
from dynsparse.sparsity.structure import (
    Pairs,
    actuator_dofs,
    components,
    dofs_of_position,
    smooth_coupling,
    structure,
)
from dynsparse.sparsity.symmetry import (
    ALWAYS,
    CONTACT,
    LIMIT,
    TENDON,
    Notice,
    notices,
    velocity_notices,
)


class _Cause(NamedTuple):
    """What may link: the degrees of freedom that it acts on, and what it is noticed as."""

    name: str
    dofs: list[int]
    is_it: Callable[[Notice], bool]


def model_linkage(model: mujoco.MjModel, pairs: Pairs) -> Linkage:
    """The parts of a model and the links between them.

    Rows are ``(qpos, qvel)``; columns are these and the controls.

    Args:
        model: the model.
        pairs: geoms that may collide.

    Raises:
        DynsparseError: actuators have activations, which are not in the proof.
    """
    if model.na:
        raise DynsparseError("links are not known of models whose actuators have activations")
    pulling = [tendon for tendon in range(model.ntendon) if _pulls(model, tendon)]
    alike = components(smooth_coupling(model, pulling))
    members = list(dict.fromkeys(tuple(np.flatnonzero(row).tolist()) for row in alike))
    causes = list(_causes(model, pairs, pulling))
    felt = _felt(model, pairs, causes, pulling)
    parts = tuple(_part(model, dofs, felt) for dofs in members)
    links = tuple(link for cause in causes for link in _links(model, cause, members, felt))
    linkage = Linkage(model.nq + model.nv + model.nu, _own(model), parts, links)
    if (reached(linkage, np.ones(len(links), bool)) == _possible(model, pairs)).all():
        return linkage
    states = tuple(range(linkage.outputs))
    solver = Link("solver", tuple(range(len(parts))), (), states)
    return replace(linkage, links=(*links, solver))


def _pulls(model: mujoco.MjModel, tendon: int) -> bool:
    """Whether a tendon has a force of its own, beside a limit and friction."""
    forces = (
        *(model.tendon_stiffness, model.tendon_stiffnesspoly),
        *(model.tendon_damping, model.tendon_dampingpoly, model.tendon_armature),
    )
    driven = (model.actuator_trntype == mujoco.mjtTrn.mjTRN_TENDON) & (
        model.actuator_trnid[:, 0] == tendon
    )
    return bool(any(np.any(force[tendon]) for force in forces) or driven.any())


def _felt(
    model: mujoco.MjModel, pairs: Pairs, causes: list[_Cause], pulling: list[int]
) -> list[list[Notice]]:
    """What notices each position and velocity; a tendon that pulls does so at all times.

    A velocity that no cause lets in is taken to be felt, as it is in the proof.
    """
    positions = [notices(model, pairs, position) for position in range(model.nq)]
    velocities = [velocity_notices(model, pairs, dof) for dof in range(model.nv)]
    found = [
        [n._replace(kind=ALWAYS) if n.kind == TENDON and n.number in pulling else n for n in each]
        for each in (*positions, *velocities)
    ]
    for each in found[model.nq :]:
        if not any(cause.is_it(notice) for cause in causes for notice in each):
            each.append(Notice("its own part"))
    return found


def _is_always(felt: list[Notice]) -> bool:
    return any(notice.kind == ALWAYS for notice in felt)


def _part(model: mujoco.MjModel, dofs: Indices, felt: list[list[Notice]]) -> Part:
    positions = [p for p in range(model.nq) if set(dofs_of_position(model, p)) <= set(dofs)]
    rows = (*positions, *(model.nq + dof for dof in dofs))
    controls = [
        model.nq + model.nv + actuator
        for actuator in range(model.nu)
        if set(actuator_dofs(model, actuator)) & set(dofs)
    ]
    return Part(rows, (*(row for row in rows if _is_always(felt[row])), *controls))


def _own(model: mujoco.MjModel) -> tuple[Indices, ...]:
    """Each output's own columns: itself, and of a slide, a hinge or a shift its velocity."""
    velocity_of: dict[int, int] = {}
    for joint in range(model.njnt):
        dofs, first = joint_dofs(model, joint), int(model.jnt_qposadr[joint])
        straight = {1: 1, 3: 0, 6: 3}[len(dofs)]
        velocity_of |= {first + k: model.nq + dofs[k] for k in range(straight)}
    rows = range(model.nq + model.nv)
    return tuple((row, velocity_of[row]) if row in velocity_of else (row,) for row in rows)


def _causes(model: mujoco.MjModel, pairs: Pairs, pulling: list[int]) -> Iterator[_Cause]:
    touching: dict[tuple[int, int], set[int]] = {}
    for number, geoms in enumerate(pairs):
        one, other = sorted(int(model.geom_bodyid[geom]) for geom in geoms)
        touching.setdefault((one, other), set()).add(number)
    for bodies, numbers in touching.items():
        dofs = sorted({dof for body in bodies for dof in body_dofs(model, body)})
        names = " ".join(model.body(body).name or f"#{body}" for body in bodies)
        yield _Cause(f"contact {names}", dofs, _is(CONTACT, numbers))
    for joint in np.flatnonzero(model.jnt_limited).tolist():
        yield _Cause(f"limit {_joint(model, joint)}", joint_dofs(model, joint), _is(LIMIT, {joint}))
    for tendon in range(model.ntendon):
        if tendon not in pulling:
            name = f"tendon {model.tendon(tendon).name or f'#{tendon}'}"
            yield _Cause(name, tendon_dofs(model, tendon), _is(TENDON, {tendon}))


def _is(kind: str, numbers: set[int]) -> Callable[[Notice], bool]:
    return lambda notice: notice.kind == kind and notice.number in numbers


def _links(
    model: mujoco.MjModel, cause: _Cause, members: list[Indices], felt: list[list[Notice]]
) -> Iterator[Link]:
    """A link for each pair of parts that a cause may tie, or for the one that it acts on.

    A link lets in what its parts feel through constraints alone.
    """
    part_of = {dof: number for number, dofs in enumerate(members) for dof in dofs}
    joints = [_joint(model, int(model.dof_jntid[dofs[0]])) for dofs in members]
    moving = [dofs_of_position(model, position).tolist() for position in range(model.nq)]
    moving += [[dof] for dof in range(model.nv)]
    mine = [column for column, dofs in enumerate(moving) if set(dofs) & set(cause.dofs)]
    by_it = [c for c in mine if any(cause.is_it(notice) for notice in felt[c])]
    seen = tuple(c for c in mine if c >= model.nq or c in by_it or _is_always(felt[c]))
    let_in = [c for c in by_it if not _is_always(felt[c])]
    ends = sorted({part_of[dof] for dof in cause.dofs})
    for parts in combinations(ends, min(2, len(ends))):
        columns = tuple(c for c in let_in if part_of[moving[c][0]] in parts)
        if len(parts) == 2:
            yield Link(f"{cause.name} {joints[parts[0]]} {joints[parts[1]]}", parts, columns, seen)
        elif columns:
            yield Link(cause.name, parts, columns, seen)


def _joint(model: mujoco.MjModel, joint: int) -> str:
    return model.joint(joint).name or f"#{joint}"


def _possible(model: mujoco.MjModel, pairs: Pairs) -> Bool[np.ndarray, "state inputs"]:
    proved = structure(model, pairs, 1)
    return np.hstack([proved.state, proved.action])
