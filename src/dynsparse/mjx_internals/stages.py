"""The solves of a simulator step: one, or with the integrator RK4 one in each of four stages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
from mujoco import mjx
from mujoco.mjx._src import forward, solver

from dynsparse.mjx_internals.replacing import replaced
from dynsparse.mjx_internals.rules import known_solution, solver_rule

Stage = Callable[[Any, Any], tuple[Any, Any]]


def stages_in_a_loop() -> AbstractContextManager[None]:
    """Let RK4 compute its last three stages by one piece of program, not by three copies of it.

    What follows single stages already does so, and goes on to.
    """
    if forward.jax is not jax:
        return nullcontext()
    return _stages(lambda stage, start, tableau, **_: jax.lax.scan(stage, start, tableau))


def step_with_solves(model: mjx.Model, data: mjx.Data) -> tuple[mjx.Data, tuple[mjx.Data, ...]]:
    """A simulator step, and the data as each of its solves left them.

    Other integrators than RK4 solve once, and move on nothing that the solve has told. Without
    constraints there is nothing to solve, and RK4's stages are seen as a solve would leave them.
    """
    if not _several(model):
        after = mjx.step(model, data)
        return after, (after,)
    seen: list[mjx.Data] = []
    solved, unconstrained = solver.solve, forward.fwd_acceleration

    def solve(model: mjx.Model, data: mjx.Data) -> mjx.Data:
        seen.append(solved(model, data))
        return seen[-1]

    def accelerate(model: mjx.Model, data: mjx.Data) -> mjx.Data:
        after = unconstrained(model, data)
        seen.append(after.replace(qacc=after.qacc_smooth))
        return after

    def scan(stage: Stage, start: Any, tableau: Any, **_: Any) -> tuple[Any, None]:
        def told(carry: Any, row: Any) -> tuple[Any, mjx.Data]:
            return stage(carry, row)[0], seen.pop()

        end, solved = jax.lax.scan(told, start, tableau)
        seen.extend(jax.tree.map(lambda x, k=k: x[k], solved) for k in range(len(tableau)))
        return end, None

    constrained = data._impl.efc_J.shape[0]
    watched = (
        replaced(solver, solve=solve)
        if constrained
        else replaced(forward, fwd_acceleration=accelerate)
    )
    with watched, _stages(scan):
        after = mjx.step(model, data)
    return after, tuple(seen)


@contextmanager
def known_solutions(solves: Sequence[mjx.Data]) -> Iterator[None]:
    """``known_solution`` for each solve of a simulator step, given what ``step_with_solves`` told.

    Raises:
        DynsparseError: while tracing, see ``known_solution``.
    """
    now = [solves[0]]

    def solve(shipped: Any, model: mjx.Model, data: mjx.Data) -> mjx.Data:
        return known_solution(now[0])(shipped, model, data)

    def scan(stage: Stage, start: Any, tableau: Any, **_: Any) -> tuple[Any, Any]:
        def knowing(carry: Any, row: Any) -> tuple[Any, Any]:
            row, now[0] = row
            return stage(carry, row)

        later = jax.tree.map(lambda *each: jnp.stack(each), *solves[1:])
        return jax.lax.scan(knowing, start, (tableau, later))

    with solver_rule(solve), _stages(scan):
        yield


def _several(model: mjx.Model) -> bool:
    return bool(model.opt.integrator == int(mujoco.mjtIntegrator.mjINT_RK4))


def _stages(scan: Callable[..., Any]) -> AbstractContextManager[None]:
    """Lend ``forward`` another ``jax.lax.scan``, which it uses for the stages of RK4 alone."""
    lax = SimpleNamespace(**{**vars(jax.lax), "scan": scan})
    return replaced(forward, jax=SimpleNamespace(**{**vars(jax), "lax": lax}))
