"""What a GPU makes of dynsparse: every section in its own process, inside one time limit.

    sh benchmarks/gpu.sh FOLDER [--seconds 540] [--rehearse]

Leaves in the folder: facts.json, rates.csv, million.csv, elements.parquet, learning.csv,
losses.csv, sections.csv and log.txt (docs/gpu.md). A section that fails, or outlives its budget,
costs itself alone; without packages or a GPU the run ends at once.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from gpu_common import append_row, sizes

HERE = Path(__file__).parent
# Of the limit, in seconds, for ending what is left; a section is not begun with less.
LAST, LEAST = 3.0, 2.0


@dataclass(frozen=True)
class Section:
    """One process.

    Attributes:
        name: of the section.
        command: program and arguments; what it may take, in seconds, is appended.
        share: of the limit that it may take at most.
        leave: share of the limit that has to be left when it ends.
        needed: without it, nothing else is begun.
        beside: the next ones do not wait for it.
    """

    name: str
    command: tuple[str, ...]
    share: float
    leave: float = 0.0
    needed: bool = False
    beside: bool = False


@dataclass(frozen=True)
class Running:
    """A section under way."""

    section: Section
    process: subprocess.Popen
    killer: threading.Timer
    budget_s: float
    begun: float
    ended: Future[float]


def main() -> None:
    """Run all sections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the results are left")
    parser.add_argument("--seconds", type=float, default=540.0, help="for everything")
    parser.add_argument("--rehearse", action="store_true", help="a thousandth of it, on a CPU")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dynsparse-gpu-") as scratch:
        cache = os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", f"{scratch}/jax")
        print(f"compiled programs are kept in {cache}", flush=True)
        sections = plan(arguments.folder, Path(scratch), arguments.rehearse)
        complete = run_sections(sections, arguments.folder, arguments.seconds)
    sys.exit(0 if complete else 1)


def plan(folder: Path, scratch: Path, rehearse: bool) -> list[Section]:
    """The sections: programs of all environments compile beside those that use the device.

    Who times something waits for the device to itself, so that the rates, which take longest to
    compile, are measured between the others.
    """

    def command(program: str, *given: str) -> tuple[str, ...]:
        paths = (f"--folder={folder}", f"--scratch={scratch}")
        return (sys.executable, str(HERE / program), *given, *paths, *mode)

    mode = ("--rehearse",) if rehearse else ()
    samples = [
        Section(
            f"samples {name}",
            command("gpu_million.py", "samples", f"--environment={name}"),
            0.5,
            beside=True,
        )
        for name in sizes(rehearse).learned
    ]
    return [
        Section("facts", command("gpu_facts.py"), 0.2, needed=True),
        *samples,
        Section("rates", command("gpu_rates.py", "conduct"), 1.0, beside=True),
        Section("million", command("gpu_million.py", "million"), 0.6),
        Section("count", command("gpu_million.py", "count"), 0.4, beside=True),
        Section("learning", command("gpu_learning.py", "speed"), 0.3),
        Section("losses", command("gpu_learning.py", "losses"), 1.0, leave=0.1),
    ]


def run_sections(sections: Sequence[Section], folder: Path, limit_s: float) -> bool:
    """Run sections, and write what became of each; whether all ended well."""
    end = time.monotonic() + limit_s - LAST
    folder.mkdir(parents=True, exist_ok=True)
    beside, good = [], True
    for section in sections:
        left = end - time.monotonic() - section.leave * limit_s
        budget_s = min(left, section.share * limit_s)
        if budget_s < LEAST:
            _tell(folder, section, 0.0, 0.0, "no time was left")
            good = False
            continue
        running = _begin(section, budget_s, folder)
        if section.beside:
            beside.append(running)
            continue
        good &= _wait(running, folder)
        if section.needed and not good:
            print(_end_of(folder / "log.txt"), flush=True)
            break
    outcomes = [_wait(running, folder) for running in beside]
    return good and all(outcomes)


def _begin(section: Section, budget_s: float, folder: Path) -> Running:
    with (folder / "log.txt").open("a") as log:
        log.write(f"== {section.name}, {budget_s:.0f} s\n")
        log.flush()
        process = subprocess.Popen(
            [*section.command, f"{budget_s:.1f}"],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    killer = threading.Timer(budget_s, _kill, [process])
    killer.start()
    # Asked for later, where the next ones do not wait for it.
    ended: Future[float] = Future()

    def watch() -> None:
        process.wait()
        ended.set_result(time.monotonic())

    threading.Thread(target=watch, daemon=True).start()
    return Running(section, process, killer, budget_s, time.monotonic(), ended)


def _wait(running: Running, folder: Path) -> bool:
    """Wait for a section, end what it has left at work, and write a row about it."""
    seconds = running.ended.result() - running.begun
    status = running.process.wait()
    running.killer.cancel()
    _kill(running.process)
    ends = {0: "ended", -signal.SIGKILL: "stopped at its budget"}
    outcome = ends.get(status, f"failed with status {status}")
    _tell(folder, running.section, seconds, running.budget_s, outcome)
    return status == 0


def _kill(process: subprocess.Popen) -> None:
    """Kill a section's process and all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _tell(folder: Path, section: Section, seconds: float, budget_s: float, outcome: str) -> None:
    row = {
        "section": section.name,
        "outcome": outcome,
        "seconds": f"{seconds:.1f}",
        "budget_s": f"{budget_s:.1f}",
    }
    append_row(folder / "sections.csv", row)
    print(" | ".join(row.values()), flush=True)


def _end_of(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


if __name__ == "__main__":
    main()
