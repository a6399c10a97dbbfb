"""Kill a study at random moments until it has been killed often enough; then compare.

    python tests/faults/driver.py [--kills 30] [--seed 7] [--targets all ...]

Runs the micro study once undisturbed. Then starts it again and again in another folder and kills,
at random moments, one of its jobs, the whole of Snakemake, Snakemake alone (its jobs live
on), or stops it as Slurm or a person would. Each start is the same command. Without a seed one is
drawn, and printed. After every strike and at the end it checks what a user may rely on, and ends
with status 1 if that does not hold:

- a file that has its final name is whole: its digest is that of the undisturbed run;
- every final file of a finished study has that digest, and there are no others;
- no start is refused, and nothing needs a hand;
- no job that had been finished runs again.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from projects import Project, copy_project, is_temporary  # noqa: E402

# How often in a dozen strikes.
STRIKES = {
    "a job killed": 4,
    "all killed": 3,
    "Snakemake killed alone": 2,
    "all terminated": 2,
    "interrupted": 1,
}
# Long enough for a start to reach its first jobs, short enough that most do not finish.
PAUSE_S = (0.3, 16.0)
PATIENCE_S = 900
# What Snakemake is given to end after its last job has, before it is killed; Slurm gives 30 s too.
GRACE_S = 30
JOB = re.compile(
    r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    output: (.*)\n(?:    .*\n)*?    jobid: (\d+)", re.M
)
FINISHED = re.compile(r"^Finished jobid: (\d+) ", re.M)


class Broken(Exception):
    """Something that users rely on did not hold."""


@dataclass
class Study:
    """A study that is struck, and what is known of it.

    Attributes:
        project: the folder.
        targets: what is made.
        expected: digests of an undisturbed run.
        finished: outputs of jobs that Snakemake has called finished, in this study.
        starts: how often Snakemake was started for it.
    """

    project: Project
    targets: list[str]
    expected: dict[str, str]
    finished: set[str] = field(default_factory=set)
    starts: int = 0

    def start(self) -> "subprocess.Popen[str]":
        """Start Snakemake, with its output in a file that jobs left alone may go on writing."""
        self.starts += 1
        self.log = self.project.root / f"start-{self.starts}.log"
        with self.log.open("w") as log:
            return self.project.start(*self.targets, stdout=log)

    def check_end(self) -> None:
        """Check what the last start has said, and what it has left."""
        output = self.log.read_text()
        jobs = {number: made for _, made, number in JOB.findall(output)}
        again = sorted(set(jobs.values()) & self.finished)
        if again:
            raise Broken(f"computed again, though it had been finished: {again[0]}\n{output}")
        self.finished |= {jobs[number] for number in FINISHED.findall(output) if number in jobs}
        if "LockException" in output or "a run is at work on it" in output:
            raise Broken(f"a start was refused\n{output}")
        for name, digest in self.project.digests().items():
            if digest != self.expected.get(name):
                raise Broken(f"{name} has its final name but is not the file of a quiet run")

    def check_whole(self) -> None:
        """Check that the study has exactly the files of an undisturbed run."""
        found = self.project.digests()
        wrong = {name for name, digest in found.items() ^ self.expected.items()}
        wrong |= {path.name for path in self.project.files() if is_temporary(path)}
        if wrong:
            raise Broken(f"not as in a quiet run: {', '.join(sorted(wrong))}")


def kinds_at_random(chance: random.Random) -> Iterator[str]:
    """Kinds of strikes without end: every dozen holds each as often as it is listed."""
    dozen = [kind for kind, times in STRIKES.items() for _ in range(times)]
    while True:
        yield from chance.sample(dozen, len(dozen))


def strike(process: "subprocess.Popen[str]", kind: str, chance: random.Random) -> str:
    """Hit a running study; returns what was done."""
    if kind == "a job killed":
        victims = sorted(child.pid for child in jobs_of(process))
        if not victims:
            return "nothing to kill"
        os.kill(chance.choice(victims), signal.SIGKILL)
    elif kind == "Snakemake killed alone":
        process.kill()
    else:
        how = {"all killed": signal.SIGKILL, "all terminated": signal.SIGTERM}
        os.killpg(process.pid, how.get(kind, signal.SIGINT))
    return kind


def settle(process: "subprocess.Popen[str]", kind: str) -> None:
    """Wait for the end of a Snakemake, where a strike is one that it does not live through."""
    if kind == "all terminated":
        await_end(process)
    elif kind not in ("a job killed", "nothing to kill"):
        process.wait(PATIENCE_S)


def await_end(process: "subprocess.Popen[str]") -> None:
    """Wait until a Snakemake that was terminated has ended; kill it where it hangs without a job.

    Terminated while it picks jobs, Snakemake 9.27 waits forever: the handler of the signal asks
    for the lock that the interrupted thread holds (``JobScheduler.exit_gracefully``).

    Raises:
        Broken: a job outlives being terminated.
    """
    impatient_at = time.monotonic() + PATIENCE_S
    hangs_at = time.monotonic() + GRACE_S
    while process.poll() is None:
        now = time.monotonic()
        if jobs := jobs_of(process):
            hangs_at = now + GRACE_S
            if now > impatient_at:
                raise Broken(f"outlives being terminated: {jobs[0]}")
        elif now > hangs_at:
            print("Snakemake hung without a job, and was killed", flush=True)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        time.sleep(0.1)


def jobs_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """All that a Snakemake has started and that is still alive."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def drive(root: Path, kills: int, seed: int | None, targets: list[str]) -> Counter[str]:
    """Run studies in ``root`` until ``kills`` strikes have hit; returns how often each kind did.

    Raises:
        Broken: something that users rely on did not hold.
    """
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    chance, done = random.Random(seed), Counter[str]()
    kinds = kinds_at_random(chance)
    quiet = copy_project(root / "quiet")
    quiet.snakemake(*targets)
    expected = quiet.digests()
    print(f"undisturbed: {len(expected)} files", flush=True)
    while done.total() < kills:
        folder = root / f"struck-{sum(1 for _ in root.glob('struck-*'))}"
        study = Study(copy_project(folder, quiet.root), targets, expected)
        while not finish(study, done, kills, kinds, chance):
            pass
        study.check_whole()
        print(f"{folder.name}: whole after {study.starts} starts; {dict(done)}", flush=True)
        shutil.rmtree(folder)
    return done


def finish(
    study: Study, done: Counter[str], kills: int, kinds: Iterator[str], chance: random.Random
) -> bool:
    """Start a study and strike until Snakemake ends; whether the study is complete."""
    process, died = study.start(), False
    while process.poll() is None:
        try:
            process.wait(chance.uniform(*PAUSE_S) if done.total() < kills else PATIENCE_S)
        except subprocess.TimeoutExpired:
            if done.total() >= kills:
                os.killpg(process.pid, signal.SIGKILL)
                raise Broken(f"hangs\n{study.log.read_text()}") from None
            kind = strike(process, next(kinds), chance)
            died = True
            if kind != "nothing to kill":
                done[kind] += 1
            settle(process, kind)
    study.check_end()
    if process.returncode and not died:
        raise Broken(f"fails by itself\n{study.log.read_text()}")
    return process.returncode == 0


def main() -> None:
    """Drive, and say what happened."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, help="of the moments; drawn anew if not given")
    parser.add_argument("--targets", nargs="+", default=["all"])
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = drive(Path(folder), arguments.kills, arguments.seed, arguments.targets)
        except Broken as error:
            sys.exit(f"BROKEN: {error}")
    print(f"{done.total()} strikes in {time.monotonic() - started:.0f} s: all as promised")


if __name__ == "__main__":
    main()
