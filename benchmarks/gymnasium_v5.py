"""Gymnasium's MuJoCo tasks on MJX against Gymnasium's own, and against differences of their steps.

    python benchmarks/gymnasium_v5.py AntV5 HopperV5 --csv docs/results/gymnasium/tasks.csv
    python benchmarks/gymnasium_v5.py --pgs docs/results/gymnasium/pgs.csv

For each task 1,000 random steps are taken in Gymnasium's own environment, on MuJoCo's C engine.
Each is taken again on MJX, from the same state. Then a short dataset is collected and verified. A
row per task is written. What it took to collect is honest where nothing was compiled before: name
an empty folder in JAX_COMPILATION_CACHE_DIR.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from collecting import collected
from csv_rows import with_row, write_rows

from dynsparse.dataset import open_dataset
from dynsparse.environments import engine_steps, load
from dynsparse.environments.playground import CONVERGED_SOLVER, Solver
from dynsparse.jacobians.batches import in_batches
from dynsparse.jacobians.steps import batched_steps
from dynsparse.precision import in_precision
from dynsparse.running.compiling import prepare_to_compile
from dynsparse.suite import GYMNASIUM
from dynsparse.verification.verify import verify_jacobians

# Of the simulator's data: what a step starts from, and the poses of before it that rewards ask for.
START = ("qpos", "qvel", "qacc_warmstart", "xpos", "xipos", "site_xpos")


# Control steps of an episode of Gymnasium's.
AFRESH = 100
# On MJX verifying 30 samples takes up to 29 CPU minutes: engine_jacobians.py has differences on C.
DEAR = ("HumanoidV5", "HumanoidStandupV5")
PGS_COLUMNS = (
    *("environment", "iterations", "tolerance", "steps"),
    *("median_difference", "largest_difference"),
)


class Steps(NamedTuple):
    """Control steps of Gymnasium's own environment.

    Attributes:
        start: the simulator's data before each, by the names in ``START``.
        action: the controls.
        outcome: state, observation, reward and termination after each.
    """

    start: dict[str, np.ndarray]
    action: np.ndarray
    outcome: dict[str, np.ndarray]


def gymnasium_environment(name: str, solver: Solver = "as_shipped") -> Any:
    """Gymnasium's own environment of a task, such as ``AntV5``, without its wrappers.

    Args:
        name: one of ``dynsparse.suite.GYMNASIUM``.
        solver: ``as_shipped``, or iterated to rounding as ours is, by Newton's method.
    """
    # Its renderer alone needs the package, to save pictures.
    sys.modules.setdefault("imageio", ModuleType("imageio"))
    import gymnasium

    env = gymnasium.make(f"{name.removesuffix('V5')}-v5", disable_env_checker=True).unwrapped
    if solver == "converged":
        env.model.opt.solver = mujoco.mjtSolver.mjSOL_NEWTON
        for key, value in CONVERGED_SOLVER.items():
            setattr(env.model.opt, key, value)
    return env


def taken(env: Any, count: int, seed: int) -> Steps:
    """Random steps of Gymnasium's environment, which begins anew after each ``AFRESH``.

    It goes on where an episode ends, so that robots that have fallen are seen too.
    """
    rng = np.random.default_rng(seed)
    low, high = env.model.actuator_ctrlrange.T
    starts: dict[str, list[np.ndarray]] = {field: [] for field in START}
    actions, outcomes = [], []
    for step in range(count):
        if step % AFRESH == 0:
            env.reset(seed=seed + step)
        for field, values in starts.items():
            values.append(getattr(env.data, field).copy())
        actions.append(rng.uniform(low, high))
        observation, reward, ended, _, _ = env.step(actions[-1])
        state = np.concatenate([env.data.qpos, env.data.qvel])
        outcomes.append((state, observation, float(reward), bool(ended)))
    fields = ("state", "observation", "reward", "terminated")
    outcome = {k: np.array(v) for k, v in zip(fields, zip(*outcomes, strict=True), strict=True)}
    return Steps({k: np.array(v) for k, v in starts.items()}, np.array(actions), outcome)


def repeated(name: str, solver: Solver, steps: Steps, batch: int = 100) -> dict[str, np.ndarray]:
    """The outcome of the same steps on MJX."""
    dynamics = load(name, solver)
    shapes = jax.eval_shape(dynamics.begin, jax.random.PRNGKey(0))

    def step(action: jax.Array, *start: jax.Array) -> tuple[jax.Array, ...]:
        data = dynamics.template.replace(**dict(zip(START, start, strict=True)))
        begun = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        after = dynamics.advance(begun.replace(data=data), action)
        return dynamics.to_state(after.data), after.obs, after.reward, after.done > 0

    program = in_precision("float64", jax.jit(jax.vmap(step)))
    inputs = (steps.action, *(steps.start[field] for field in START))
    return dict(zip(steps.outcome, in_batches(program, inputs, batch), strict=True))


def differences(steps: Steps, again: dict[str, np.ndarray]) -> dict[str, float]:
    """The largest difference of each part of the outcome; of termination, how many steps differ."""
    found = {}
    for part, values in steps.outcome.items():
        apart = np.abs(values.astype(float) - again[part])
        found[part] = float(apart.sum() if part == "terminated" else apart.max())
    return found


def replayed(name: str, count: int, seed: int = 0) -> dict[str, Any]:
    """How far MJX is from Gymnasium: with the solver at the optimum, and as both are shipped."""
    steps = taken(gymnasium_environment(name, "converged"), count, seed)
    found = differences(steps, repeated(name, "converged", steps))
    columns = {f"{part}_difference_converged": value for part, value in found.items()}
    steps = taken(gymnasium_environment(name), count, seed)
    memory = steps.start["qacc_warmstart"]
    state = np.concatenate([steps.start["qpos"], steps.start["qvel"]], axis=1)
    after = batched_steps(load(name))(state, steps.action, memory).next_state
    shipped = float(np.abs(after - steps.outcome["state"]).max())
    return {"replayed_steps": count, **columns, "state_difference_as_shipped": shipped}


def verified(name: str, steps: int, path: Path) -> dict[str, Any]:
    """What collecting two episodes takes, and what verifying all their samples on MJX finds."""
    collected_s = collected(name, steps, path)
    with open_dataset(path) as dataset:
        info = dataset.info
        row = {"method": info.method, "collect_cpu_s": collected_s}
        if name in DEAR:
            return row
        found = verify_jacobians(dataset, 2 * steps, [], "as_shipped", "float64")
    samples = found.samples.to_pandas()
    smooth = samples[~(samples.kink | samples.jump)]
    replay = found.replay.to_pandas()
    return row | {
        "samples": len(samples),
        "kinks_and_jumps": len(samples) - len(smooth),
        "right_share": float((smooth.error < 1e-4).mean()),
        "largest_error": float(smooth.error.max()),
        "false_zeros": int(smooth.missed_elements.sum()),
        "without_jacobian": int(replay.without_jacobian.sum()),
        "mjx_repeats": int(replay.replayed.sum()),
        "engine_repeats": int(replay.engine_replayed.sum()),
        "engine_differs": int(replay.engine_differs.sum()),
        "other_flags": int(replay.other_flags.sum()),
    }


def by_pgs(name: str, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """How far steps by the solver PGS are from those at the optimum, by iterations and tolerance.

    All on the C engine, from states that Gymnasium's own environment comes through.
    """
    env = gymnasium_environment(name)
    steps, shipped = taken(env, count, seed), (env.model.opt.iterations, env.model.opt.tolerance)
    state = np.concatenate([steps.start["qpos"], steps.start["qvel"]], axis=1)
    inputs = (state, steps.action, steps.start["qacc_warmstart"])
    best = gymnasium_environment(name, "converged").model
    optimum, rows = engine_steps(best, env.frame_skip, *inputs), []
    for iterations, tolerance in (shipped, (1000, 1e-14), (20000, 0.0)):
        env.model.opt.iterations, env.model.opt.tolerance = iterations, tolerance
        apart = np.abs(engine_steps(env.model, env.frame_skip, *inputs) - optimum).max(axis=1)
        facts = (name, iterations, tolerance, count)
        found = (float(np.median(apart)), float(apart.max()))
        rows.append(dict(zip(PGS_COLUMNS, (*facts, *found), strict=True)))
    return rows


def described(name: str) -> dict[str, Any]:
    """A task's name and sizes."""
    dynamics = load(name)
    model = dynamics.mj_model
    return {
        "environment": name,
        "state": len(dynamics.state_names),
        "action": len(dynamics.action_names),
        "substeps": dynamics.substeps,
        "integrator": mujoco.mjtIntegrator(model.opt.integrator).name.removeprefix("mjINT_"),
        "geom_pairs": len(dynamics.contact_names),
    }


def write(path: Path, row: dict[str, Any]) -> None:
    """Put a task's row into the file, in place of what it had; rows are in the suite's order."""
    rows = with_row(path, row)
    write_rows(path, [rows[name] for name in GYMNASIUM if name in rows])


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="all, if none is named")
    parser.add_argument("--csv", type=Path, metavar="FILE")
    parser.add_argument("--replayed", type=int, default=1000, help="steps of Gymnasium's own")
    parser.add_argument("--steps", type=int, default=100, help="of each of two episodes verified")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where datasets are kept")
    parser.add_argument("--pgs", type=Path, metavar="FILE", help="measure the solver PGS alone")
    options = parser.parse_args()
    if options.pgs:
        humanoids = [by_pgs(name, options.replayed) for name in DEAR]
        write_rows(options.pgs, [row for rows in humanoids for row in rows])
    if options.csv:
        prepare_to_compile()
        for name in options.tasks or GYMNASIUM:
            row = described(name) | replayed(name, options.replayed)
            write(options.csv, row)
            with tempfile.TemporaryDirectory() as temporary:
                folder = options.keep or Path(temporary)
                row |= verified(name, options.steps, folder / f"{name}.h5")
            print(row, flush=True)
            write(options.csv, row)


if __name__ == "__main__":
    main()
