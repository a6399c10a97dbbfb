"""Environments on MJX, one after the other: what they cost, and whether all is right.

    python benchmarks/mjx_environments.py facts FOLDER NAME...    a row for each, of its model alone
    python benchmarks/mjx_environments.py collect FOLDER NAME...  a file, held against the C engine
    python benchmarks/mjx_environments.py judge FOLDER NAME...    a file, and the row with the rest
    python benchmarks/mjx_environments.py table FOLDER CSV        the rows of a folder as one table

Files are collected under random actions as the environment is shipped. Jacobians are held against
differences on the C engine (``engine_jacobians.py``), which cost little, or, if they are judged,
all samples against differences on MJX. Where the C engine does not repeat all steps, or if they are
judged, every step is taken once more with the solver ``converged``, by MJX and by C. CPU seconds
are those of collecting, nearly all of which goes into compiling; give
``JAX_COMPILATION_CACHE_DIR`` an empty folder.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from collecting import collected
from csv_rows import write_rows

from dynsparse.running.compiling import prepare_to_compile, quiet_surroundings

STEPS = 40
# Of random states, for whether two steps are the same.
SAMPLES = 100


def verified(path: Path) -> dict[str, object]:
    """The row of the table ``verification`` on all samples of a file."""
    from dynsparse.dataset import open_dataset
    from dynsparse.tables.verification import verification_table
    from dynsparse.verification import verify_jacobians

    with open_dataset(path) as dataset:
        samples = dataset.info.episodes * dataset.info.steps
        found = verify_jacobians(dataset, samples, [], "as_shipped", "float64")
    (row,) = verification_table([found.samples], [found.replay]).to_pylist()
    return row


def model_facts(name: str) -> dict[str, object]:
    """What an environment's model is like; nothing is compiled."""
    from dynsparse.environments import load

    dynamics = load(name, "as_shipped")
    return {
        "environment": name,
        "state": len(dynamics.state_names),
        "action": len(dynamics.action_names),
        "control_ms": round(1e3 * dynamics.control_dt_s, 6),
        "simulator_steps": dynamics.substeps,
        "iterations": dynamics.mj_model.opt.iterations,
        "pairs": len(dynamics.contact_names),
    }


def step_of(name: str) -> str | None:
    """The first environment of its suite whose step is the same in the C engine, to the bit.

    None if that is its own: tasks of one model differ in rewards, targets and where they begin.
    """
    import numpy as np

    from dynsparse.suite import suite_of

    steps = random_steps(name)
    first = next(
        other
        for other in suite_of(name).environments
        if other == name or np.array_equal(steps, random_steps(other))
    )
    return None if first == name else first


@cache
def random_steps(name: str) -> Any:
    """Where random states lead under random controls."""
    import numpy as np

    from dynsparse.environments import engine_steps, load

    dynamics = load(name, "as_shipped")
    model, rng = dynamics.mj_model, np.random.default_rng(0)
    qpos = model.qpos0 + rng.uniform(-1, 1, (SAMPLES, model.nq))
    qvel, memory = rng.normal(size=(2, SAMPLES, model.nv))
    action = rng.uniform(-1, 1, (SAMPLES, model.nu))
    state = np.concatenate([qpos, qvel], axis=1)
    return engine_steps(model, dynamics.substeps, state, action, memory)


def converged(path: Path) -> dict[str, object]:
    """How the two engines agree on the steps of a file, with the solver ``converged``."""
    import numpy as np

    from dynsparse.dataset import open_dataset
    from dynsparse.environments import engine_steps, load
    from dynsparse.jacobians.steps import batched_steps
    from dynsparse.verification.replay import SAME_TRAJECTORY

    with open_dataset(path) as dataset:
        info, episodes = dataset.info, list(dataset.episodes())
    names = ("state", "action", "memory", "contact", "terminated")
    *inputs, touching, ended = (
        np.concatenate([getattr(e, name) for e in episodes]) for name in names
    )
    dynamics = load(info.environment, "converged")
    by_mjx = batched_steps(dynamics)(*inputs).next_state
    by_c = engine_steps(dynamics.mj_model, dynamics.substeps, *inputs)
    apart = np.abs(by_mjx - by_c)
    step, row = np.unravel_index(apart.argmax(), apart.shape)
    repeated = apart.max(axis=1) < SAME_TRAJECTORY
    return {
        "steps": len(apart),
        "ends": int(ended.sum()),
        "c_repeats_converged": float(repeated.mean()),
        "touched": by_shapes(dynamics.mj_model, touching, ~repeated),
        "c_largest_converged": float(apart.max()),
        "c_largest_at": f"step {step}, {info.state_names[row]}",
    }


def by_shapes(model: Any, touching: Any, elsewhere: Any) -> dict[str, tuple[int, int]]:
    """By the shapes that touch: in how many steps, and how many of these end elsewhere in C."""
    import mujoco

    from dynsparse.mjx_internals.facts import collision_pairs

    steps: dict[str, Any] = {}
    for number, pair in enumerate(collision_pairs(model)):
        shapes = sorted(mujoco.mjtGeom(model.geom_type[geom]).name for geom in pair)
        kind = " ".join(shape.removeprefix("mjGEOM_").lower() for shape in shapes)
        steps[kind] = steps.get(kind, False) | touching[:, number]
    return {kind: (int(of.sum()), int((of & elsewhere).sum())) for kind, of in steps.items()}


def describe(folder: Path, name: str) -> None:
    """Make a row of what the model is like."""
    facts = model_facts(name) | {"step_of": step_of(name)}
    (folder / f"{name}.json").write_text(json.dumps(facts))


def begun(row: Path, name: str) -> dict[str, Any]:
    """What the row has of an environment already, and what its model is like."""
    return model_facts(name) | (json.loads(row.read_text()) if row.exists() else {})


def collect_and_compare(folder: Path, name: str) -> None:
    """Make a file and a row, by differences on the C engine where that takes the same step."""
    from engine_jacobians import compared, steps_of

    from dynsparse.dataset import open_dataset

    path, row = folder / f"{name}.h5", folder / f"{name}.json"
    facts = begun(row, name)
    facts["cpu_s"] = collected(name, STEPS, path)
    with open_dataset(path) as dataset:
        facts["method"] = dataset.info.method
    found = compared(steps_of(path))
    facts |= {
        "samples": found["samples"],
        "c_repeats": found["engine_repeats"] / found["samples"],
        "right_by_c": found["right_share"],
        "largest_error_by_c": found["largest_error"],
    }
    if found["engine_repeats"] < found["samples"]:
        again = converged(path)
        facts |= {key: again[key] for key in again if key.startswith("c_")}
    row.write_text(json.dumps(facts))
    print(json.dumps(facts), flush=True)


def judge(folder: Path, name: str) -> None:
    """Make a file and a row, what is not there of them."""
    path, row = folder / f"{name}.h5", folder / f"{name}.json"
    facts = begun(row, name)
    facts["cpu_s"] = collected(name, STEPS, path)
    row.write_text(json.dumps(facts))
    if "c_largest_at" not in facts:
        facts |= converged(path)
        row.write_text(json.dumps(facts))
    if "right" not in facts:
        found = verified(path)
        facts |= {
            "method": found["method"],
            "samples": found["samples"],
            "kinks": found["kinks"],
            "jumps": found["jumps"],
            "right": found["share_right"],
            "largest_error": found["max_error"],
            "mjx_repeats": found["share_replayed"],
            "solver_done": found["share_converged"],
            "c_repeats": found["share_replayed_by_engine"],
        }
    row.write_text(json.dumps(facts))
    print(json.dumps(facts), flush=True)


def table(folder: Path, path: Path) -> None:
    """Write the rows, in the order of the suites; what was not judged has cells that are empty."""
    from dynsparse.suite import environment_names

    found = [folder / f"{name}.json" for name in environment_names()]
    rows = [json.loads(each.read_text()) for each in found if each.exists()]
    write_rows(path, ({column: row.get(column) for column in COLUMNS} for row in rows))


COLUMNS = (
    *("environment", "state", "action", "control_ms", "simulator_steps", "iterations", "pairs"),
    "step_of",
    *("cpu_s", "method", "steps", "ends"),
    *("samples", "kinks", "jumps", "right", "largest_error", "mjx_repeats", "solver_done"),
    *("c_repeats", "right_by_c", "largest_error_by_c"),
    *("c_repeats_converged", "c_largest_converged", "c_largest_at"),
)


COMMANDS = {"facts": describe, "collect": collect_and_compare, "judge": judge}

if __name__ == "__main__":
    quiet_surroundings()
    prepare_to_compile()
    what, where, *rest = sys.argv[1:]
    if what == "table":
        table(Path(where), Path(rest[0]))
    else:
        for each in rest:
            COMMANDS[what](Path(where), each)
