"""Playground's robots, one after the other: what they cost, and whether all is right.

    python benchmarks/robots.py judge FOLDER NAME...    a file and a row for each, kept in FOLDER
    python benchmarks/robots.py table FOLDER CSV        the rows of a folder as one table

Each environment is collected under random actions as it is shipped, and all samples are verified.
Then every step of the file is taken once more with the solver ``converged``, by MJX and by MuJoCo's
C engine. CPU seconds are those of collecting, nearly all of which goes into compiling; give
``JAX_COMPILATION_CACHE_DIR`` an empty folder.
"""

import csv
import json
import resource
import sys
from pathlib import Path

from dynsparse.running.compiling import prepare_to_compile, quiet_surroundings

EPISODES, STEPS = 2, 40


def collected(name: str, path: Path) -> float:
    """Collect a file; gives the CPU seconds that it took."""
    from dynsparse.collection import CollectionSettings, collect

    before = _cpu_s()
    settings = CollectionSettings(EPISODES, STEPS, "auto", "as_shipped", "float64", EPISODES, 0)
    collect(path, name, "random", 0, settings)
    return _cpu_s() - before


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


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


def converged(path: Path) -> dict[str, object]:
    """How the two engines agree on the steps of a file, with the solver ``converged``."""
    import numpy as np

    from dynsparse.dataset import open_dataset
    from dynsparse.environments import engine_steps, load
    from dynsparse.jacobians.steps import batched_steps
    from dynsparse.verification.replay import SAME_TRAJECTORY

    with open_dataset(path) as dataset:
        info, episodes = dataset.info, list(dataset.episodes())
    names = ("state", "action", "memory", "terminated")
    *inputs, ended = (np.concatenate([getattr(e, name) for e in episodes]) for name in names)
    dynamics = load(info.environment, "converged")
    by_mjx = batched_steps(dynamics)(*inputs).next_state
    by_c = engine_steps(dynamics.mj_model, dynamics.substeps, *inputs)
    apart = np.abs(by_mjx - by_c)
    step, row = np.unravel_index(apart.argmax(), apart.shape)
    return {
        "state": len(info.state_names),
        "action": len(info.action_names),
        "simulator_steps": dynamics.substeps,
        "steps": len(apart),
        "ends": int(ended.sum()),
        "c_repeats_converged": float((apart.max(axis=1) < SAME_TRAJECTORY).mean()),
        "c_largest_converged": float(apart.max()),
        "c_largest_at": f"step {step}, {info.state_names[row]}",
    }


def judge(folder: Path, name: str) -> None:
    """Make a file and a row, what is not there of them."""
    path, row = folder / f"{name}.h5", folder / f"{name}.json"
    facts = json.loads(row.read_text()) if row.exists() else {"environment": name}
    if not path.exists():
        facts["cpu_s"] = round(collected(name, path))
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
    """Write the rows that are whole, in the order of the suites."""
    from dynsparse.suite import ROBOTS

    rows = [json.loads(p.read_text()) for n in ROBOTS if (p := folder / f"{n}.json").exists()]
    whole = [row for row in rows if "right" in row]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(whole)


COLUMNS = (
    *("environment", "state", "action", "simulator_steps", "cpu_s", "method", "steps", "ends"),
    *("samples", "kinks", "jumps", "right", "largest_error", "mjx_repeats", "solver_done"),
    *("c_repeats", "c_repeats_converged", "c_largest_converged", "c_largest_at"),
)


if __name__ == "__main__":
    quiet_surroundings()
    prepare_to_compile()
    what, where, *rest = sys.argv[1:]
    if what == "table":
        table(Path(where), Path(rest[0]))
    else:
        for each in rest:
            judge(Path(where), each)
