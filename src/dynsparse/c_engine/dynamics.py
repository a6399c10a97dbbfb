"""The control step of a simulation on MuJoCo's C engine, from records of what it was given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int

from dynsparse.c_engine.layout import INTEGRATION, Layout, Sample
from dynsparse.environments import names
from dynsparse.environments.c_steps import acting
from dynsparse.errors import DynsparseError
from dynsparse.mjx_internals import collision_pairs

Seen = TypeVar("Seen")
_State, _Kind = mujoco.mjtConstraintState, mujoco.mjtConstraint


# Why a simulator step is none of the dynamics, by MuJoCo's warnings of it. Others are of drawing.
_Warning = mujoco.mjtWarning
_BAD = "a value of {} is no number or beyond 1e10"
_RESET = ", so that MuJoCo resets the simulation (a shorter time step, or fewer steps, may help)"
WARNINGS = {
    _Warning.mjWARN_INERTIA: "its inertia matrix is close to singular",
    _Warning.mjWARN_CONTACTFULL: "contacts do not fit in the memory that its model gives them",
    _Warning.mjWARN_CNSTRFULL: "constraints do not fit in the memory that its model gives them",
    _Warning.mjWARN_BADQPOS: _BAD.format("qpos") + _RESET,
    _Warning.mjWARN_BADQVEL: _BAD.format("qvel") + _RESET,
    _Warning.mjWARN_BADQACC: _BAD.format("qacc") + _RESET,
    _Warning.mjWARN_BADCTRL: _BAD.format("ctrl") + ", so that MuJoCo takes all controls for 0",
}
# What each is counted from: MuJoCo prints the first one, and forgets how many there were when it
# resets the simulation.
_COUNTED_FROM = 1000
_KINDS = [int(kind) for kind in WARNINGS]


class Facts(NamedTuple):
    """What a control step was like, beside where it led; see docs/dataset.md."""

    contact: Bool[np.ndarray, "samples pairs"]
    constraint_active: Bool[np.ndarray, "samples constraints"]
    solver_converged: Bool[np.ndarray, " samples"]


@dataclass(frozen=True)
class EngineDynamics:
    """A simulation's step and the vocabulary to speak of it, a ``Physics``.

    The state is ``(qpos, qvel, act)``; a control step is ``substeps`` simulator steps.
    """

    methods: ClassVar[tuple[str, ...]] = ("mujoco_c",)

    name: str
    mj_model: mujoco.MjModel
    substeps: int
    layout: Layout
    # Geoms, or flexes numbered after them.
    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, name: str, model: mujoco.MjModel, substeps: int) -> "EngineDynamics":
        """The dynamics of a model.

        Raises:
            DynsparseError: its state is more than positions, velocities and activations.
        """
        pairs = (*collision_pairs(model), *flex_pairs(model))
        return cls(name, model, substeps, Layout.of(name, model), pairs)

    @property
    def control_dt_s(self) -> float:
        """Seconds per control step."""
        return float(self.substeps * self.mj_model.opt.timestep)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of (qpos, qvel, act)."""
        return names.state_names(self.mj_model)

    @property
    def action_names(self) -> tuple[str, ...]:
        """Names of the controls."""
        return names.action_names(self.mj_model)

    @property
    def contact_names(self) -> tuple[str, ...]:
        """Names of the pairs of geoms that may touch, then of those with flexes."""
        geoms = [pair for pair in self.pairs if max(pair) < self.mj_model.ngeom]
        flexes = self.pairs[len(geoms) :]
        named = tuple(":".join(self._touching(each) for each in pair) for pair in flexes)
        return (*names.pair_names(self.mj_model, geoms), *named)

    def _touching(self, number: int) -> str:
        """What a geom is called, or a flex."""
        model, flex = self.mj_model, number - self.mj_model.ngeom
        if flex < 0:
            return names.pair_names(model, [(number, number)])[0].rpartition(":")[0]
        name = mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_FLEX, flex)
        return f"flex {name or f'#{flex}'}"

    @property
    def constraint_names(self) -> tuple[str, ...]:
        """Names of friction losses and limits."""
        return names.constraint_names(self.mj_model)

    def steps(
        self, data: mujoco.MjData, sample: Sample, observe: Callable[[mujoco.MjData], Seen]
    ) -> tuple[
        Float[np.ndarray, "samples state"], list[list[Seen]], Bool[np.ndarray, "samples warnings"]
    ]:
        """Next states, what ``observe`` sees after each simulator step, and ``WARNINGS`` of them.

        ``data`` is what to compute in, which takes time to make.
        """
        after, seen = np.empty_like(sample.state), []
        warned = np.zeros((len(after), len(WARNINGS)), bool)
        counts = data.warning.number  # MuJoCo's own memory
        for number, start in enumerate(self.layout.join(sample)):
            mujoco.mj_setState(self.mj_model, data, start, INTEGRATION)
            counts[:] = _COUNTED_FROM
            seen.append([self._step(data, observe) for _ in range(self.substeps)])
            after[number] = np.concatenate([data.qpos, data.qvel, data.act])
            if (counts != _COUNTED_FROM).any():
                warned[number] = ((counts != _COUNTED_FROM) & (counts != 0))[_KINDS]
        return after, seen, warned

    def _step(self, data: mujoco.MjData, observe: Callable[[mujoco.MjData], Seen]) -> Seen:
        mujoco.mj_step(self.mj_model, data)
        return observe(data)

    def pieces(
        self, data: mujoco.MjData, sample: Sample
    ) -> tuple[Float[np.ndarray, "samples state"], Int[np.ndarray, "samples substeps_warnings"]]:
        """Next states, and on which piece of the dynamics each simulator step was.

        Where MuJoCo warns of one it is on a piece of its own.
        """
        after, seen, warned = self.steps(data, sample, acting)
        return after, np.concatenate([np.array(seen, np.int64), warned], axis=1)

    def described(
        self, sample: Sample
    ) -> tuple[Float[np.ndarray, "samples state"], Facts, Bool[np.ndarray, "samples warnings"]]:
        """Next states, what the steps to them were like, and ``WARNINGS`` of them."""
        after, seen, warned = self.steps(mujoco.MjData(self.mj_model), sample, self._facts())
        contact, active, done = (
            np.array([[each[k] for each in one] for one in seen], bool) for k in range(3)
        )
        ever: list[np.ndarray] = [np.any(x, axis=1) for x in (contact, active, ~done)]
        return after, Facts(ever[0], ever[1], ~ever[2]), warned

    def require_steps(
        self,
        episode: int,
        after: Float[np.ndarray, "time state"],
        warned: Bool[np.ndarray, "time warnings"],
    ) -> None:
        """Refuse an episode with a step that is none of the dynamics.

        Raises:
            DynsparseError: MuJoCo reset the simulation, left out what acts, or blew up.
        """
        beyond = ~(np.abs(after) <= mujoco.mjMAXVAL).all(axis=1)
        bad = np.flatnonzero(warned.any(axis=1) | beyond)
        if not bad.size:
            return
        words = [text for text, said in zip(WARNINGS.values(), warned[bad[0]], strict=True) if said]
        raise DynsparseError(
            f"environment {self.name!r}: episode {episode}, step {bad[0]} is no step of the"
            f" dynamics ({len(bad)} of {len(after)} steps are none):"
            f" {'; '.join(words) or _BAD.format('the next state')}"
        )

    def _facts(self) -> Callable[[mujoco.MjData], tuple[np.ndarray, np.ndarray, bool]]:
        pairs = {pair: number for number, pair in enumerate(self.pairs)}
        rows = {row: number for number, row in enumerate(named_rows(self.mj_model))}
        most = self.mj_model.opt.iterations

        def observe(data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray, bool]:
            contact, active = np.zeros(len(pairs), bool), np.zeros(len(rows), bool)
            near = data.contact.dist < data.contact.includemargin
            flexes = data.contact.flex[near] + self.mj_model.ngeom
            either = np.where(data.contact.geom[near] < 0, flexes, data.contact.geom[near])
            for pair in map(tuple, np.sort(either, axis=1).tolist()):
                if pair not in pairs:
                    raise DynsparseError(
                        f"environment {self.name!r}: {' and '.join(map(self._touching, pair))}"
                        " touch, which are no pair of its model's"
                    )
                contact[pairs[pair]] = True
            for row in np.stack([data.efc_type, data.efc_id, data.efc_state], axis=1):
                kind, which, state = map(int, row)
                if (kind, which) in rows:
                    active[rows[kind, which]] |= _acts(kind, state)
            return contact, active, bool((data.solver_niter < most).all())

        return observe


def flex_pairs(model: mujoco.MjModel) -> list[tuple[int, int]]:
    """Pairs with a flex that may touch, of geoms and flexes (numbered after the geoms).

    Which parts of a flex may touch is not told apart, nor whether its parts may touch each other.
    """
    if model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT:
        return []
    kind = np.concatenate([model.geom_contype, model.flex_contype])
    affinity = np.concatenate([model.geom_conaffinity, model.flex_conaffinity])
    return [
        (one, flex)
        for flex in range(model.ngeom, model.ngeom + model.nflex)
        for one in range(flex + 1)
        if one == flex or kind[one] & affinity[flex] or kind[flex] & affinity[one]
    ]


def named_rows(model: mujoco.MjModel) -> list[tuple[int, int]]:
    """Type and number, by which MuJoCo knows them, of the rows in ``names.constraint_names``."""
    kinds = model.jnt_type
    hinges = (mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE)
    limited = np.flatnonzero(model.jnt_limited)
    joints = [k for k in limited if kinds[k] == mujoco.mjtJoint.mjJNT_BALL]
    joints += [k for k in limited if kinds[k] in hinges]
    of_kind: dict[mujoco.mjtConstraint, Iterable[Any]] = {
        _Kind.mjCNSTR_FRICTION_DOF: np.flatnonzero(model.dof_frictionloss > 0),
        _Kind.mjCNSTR_FRICTION_TENDON: np.flatnonzero(model.tendon_frictionloss > 0),
        _Kind.mjCNSTR_LIMIT_JOINT: joints,
        _Kind.mjCNSTR_LIMIT_TENDON: np.flatnonzero(model.tendon_limited),
    }
    return [(int(kind), int(k)) for kind, numbers in of_kind.items() for k in numbers]


def _acts(kind: int, state: int) -> bool:
    """A friction loss that slides is on a linear piece; a limit that pushes on the quadratic."""
    if kind in (_Kind.mjCNSTR_FRICTION_DOF, _Kind.mjCNSTR_FRICTION_TENDON):
        return state in (_State.mjCNSTRSTATE_LINEARNEG, _State.mjCNSTRSTATE_LINEARPOS)
    return state == _State.mjCNSTRSTATE_QUADRATIC
