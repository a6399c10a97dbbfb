"""A million steps of CheetahRun: collected by two experts, verified, merged and counted.

``samples`` collects the first expert's episodes, from which world models learn too, and verifies
the file; ``million`` collects the second expert's; ``count`` counts over both.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from gpu_common import Sizes, append_row, at_work, device_alone, part_parser, sizes

from dynsparse.collection import CollectionSettings, collect
from dynsparse.dataset import open_dataset
from dynsparse.running.compiling import prepare_to_compile
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.scan import scan
from dynsparse.storage.tables import write_table
from dynsparse.tables.table_1 import table_1
from dynsparse.tables.verification import verification_table
from dynsparse.verification import verify_jacobians

THRESHOLD = 1e-12
THRESHOLDS = [1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-7, 1e-5, 1e-3]
DTYPE, SOLVER = "float64", "as_shipped"
# What the verification table says that is worth a row here.
SHARES = (
    "samples",
    "kinks",
    "jumps",
    "max_error",
    "share_right",
    "share_same_zeros",
    "share_right_by_engine",
    "steps",
    "share_replayed",
    "max_replay_error",
    "share_converged",
    "share_replayed_by_engine",
)


class Report:
    """Rows of million.csv."""

    def __init__(self, folder: Path, environment: str) -> None:
        self._path, self._environment = folder / "million.csv", environment

    def tell(self, quantity: str, value: Any) -> None:
        """Write one number."""
        row = {"environment": self._environment, "quantity": quantity, "value": value}
        append_row(self._path, row)

    @contextmanager
    def timing(self, quantity: str) -> Iterator[None]:
        """Write how long the block takes."""
        started = time.perf_counter()
        yield
        self.tell(quantity, round(time.perf_counter() - started, 2))


def settings(given: Sizes, episodes: int) -> CollectionSettings:
    """As in a study; blocks of one size, so that both collections are one program."""
    return CollectionSettings(
        episodes=episodes,
        steps=given.steps,
        method="auto",
        solver=SOLVER,
        dtype=DTYPE,
        block_episodes=given.episodes,
        batch_samples=given.batch_samples,
    )


def data_file(scratch: Path, environment: str, seed: int) -> Path:
    """Where a dataset is while the kit runs."""
    return scratch / environment / f"seed-{seed}.h5"


def samples(environment: str, given: Sizes, scratch: Path, report: Report) -> None:
    """Collect the first expert's episodes, beside what else compiles; verify the first."""
    path = data_file(scratch, environment, 0)
    with at_work(scratch):
        with report.timing("first_collect_s"):
            collect(path, environment, "expert", 0, settings(given, given.episodes))
        if environment != given.learned[0]:
            return
        with report.timing("verify_s"), open_dataset(path) as dataset:
            found = verify_jacobians(dataset, given.verified, [], solver=SOLVER, dtype=DTYPE)
        (row,) = verification_table([found.samples], [found.replay]).to_pylist()
        for name in SHARES:
            report.tell(f"verified_{name}", row[name])


def million(given: Sizes, scratch: Path, report: Report, patience_s: float) -> None:
    """Collect the second expert's episodes with the device to oneself, programs compiled."""
    environment, until = given.learned[0], time.monotonic() + patience_s
    # Whoever collects the first ones compiles what is needed here, and holds the device then.
    first = [data_file(scratch, name, 0) for name in given.learned]
    while time.monotonic() < until and not all(file.exists() for file in first):
        time.sleep(0.2)
    patience_s = max(0.0, until - time.monotonic())
    path = data_file(scratch, environment, 1)
    with device_alone(scratch, patience_s) as alone, report.timing("collect_s"):
        report.tell("alone", int(alone))
        started = time.perf_counter()
        collect(path, environment, "expert", 1, settings(given, given.later_episodes))
        seconds = time.perf_counter() - started
    steps = given.later_episodes * given.steps
    report.tell("collected_steps", steps)
    report.tell("steps_per_s", round(steps / seconds, 1))
    report.tell("bytes_per_step", round(path.stat().st_size / steps, 1))


def count(given: Sizes, scratch: Path, folder: Path, report: Report) -> None:
    """Count the zeros of both experts' files, or of the one that is there, on the processor."""
    environment = given.learned[0]
    files = [file for seed in (0, 1) if (file := data_file(scratch, environment, seed)).exists()]
    with report.timing("count_s"):
        elements = merge_seeds([_counted(file) for file in files])
    write_table(elements, folder / "elements.parquet")
    (row,) = table_1([elements], {}, THRESHOLD).to_pylist()
    counted = ("seeds", "samples", "excluded_samples", "state_dim", "action_dim")
    for name in (*counted, "state_zero_elements", "action_zero_elements", "almost_zero_elements"):
        report.tell(name, row[name])


def _counted(path: Path) -> pa.Table:
    with open_dataset(path) as dataset:
        return scan(dataset, THRESHOLDS, THRESHOLD, path.with_suffix(".parquet")).elements


def main() -> None:
    """Run one of the parts."""
    parser = part_parser(__doc__, "samples", "million", "count")
    parser.add_argument("--environment")
    arguments = parser.parse_args()
    prepare_to_compile()
    given = sizes(arguments.rehearse)
    environment = arguments.environment or given.learned[0]
    report = Report(arguments.folder, environment)
    if arguments.part == "samples":
        samples(environment, given, arguments.scratch, report)
    elif arguments.part == "million":
        million(given, arguments.scratch, report, arguments.budget_s / 2)
    else:
        count(given, arguments.scratch, arguments.folder, report)


if __name__ == "__main__":
    main()
