"""Jacobians and plain steps per second: all environments compiled side by side, timed in turn.

One process per environment compiles and, when it is asked, times; this program asks. Samples are
MJX's states after random actions, from joints placed at random as the suite's resets place them.
"""

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import mujoco
import numpy as np
from gpu_common import Sizes, append_row, device_alone, part_parser, sizes

from dynsparse.environments import load
from dynsparse.jacobians import METHODS, batched_jacobians, resolve_method
from dynsparse.precision import precision
from dynsparse.running.compiling import prepare_to_compile

STEP = "step"
# To time and answer, per environment, before the budget ends.
RESERVE_S = 8.0

Job = tuple[int, tuple[str, ...]]  # a batch, and the programs to build for it
COLUMNS = ("environment", "program", "method", "batch", "per_s", "calls", "alone", "build_s")
COLUMNS = (
    *COLUMNS,
    "compiling",
    "samples_per_call",
    "cut_off_share",
    "peak_gb",
    "states",
    "outcome",
)


def jobs(given: Sizes) -> list[Job]:
    """What to measure, the most telling first."""
    first, *rest = given.batches
    found: list[Job] = [(batch, (STEP, "auto")) for batch in (first, *rest)]
    return [*found[:-1], (first, tuple(METHODS)), *found[-1:]]


@dataclass
class Worker:
    """An environment's process, as the one who asks sees it."""

    environment: str
    process: subprocess.Popen
    jobs: list[Job]
    built: list[Any] = field(default_factory=list)
    building: bool = False

    def ask(self, question: dict[str, Any]) -> None:
        """Send a question; a process that has died answers by its end."""
        try:
            self.process.stdin.write(json.dumps(question) + "\n")  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            return


def conduct(arguments: argparse.Namespace) -> None:
    """Let all environments compile at once, and time what is there when few still do."""
    end = time.monotonic() + arguments.budget_s
    given = sizes(arguments.rehearse)
    answers: queue.Queue[tuple[Worker, dict[str, Any] | None]] = queue.Queue()
    workers = [_start(name, jobs(given), arguments, answers) for name in given.environments]

    few = len(workers) // 4

    def compiling() -> int:
        return sum(worker.building for worker in workers)

    def left() -> float:
        return end - time.monotonic() - RESERVE_S * (1 + sum(bool(w.built) for w in workers))

    while any(w.jobs or w.building for w in workers) and left() > 0:
        for worker in workers:
            if worker.jobs and not worker.building:
                batch, programs = worker.jobs.pop(0)
                worker.ask({"do": "build", "batch": batch, "programs": programs})
                worker.building = True
        while (compiling() > few or not any(w.built for w in workers)) and left() > 0:
            if not compiling():
                break
            try:
                _took(*answers.get(timeout=max(0.1, left())), arguments)
            except queue.Empty:
                break
        with device_alone(arguments.scratch, max(0.0, left())) as alone:
            for worker in workers:
                if worker.built and not worker.building:
                    worker.ask({"do": "time", "programs": worker.built.pop()})
                    about = {"alone": int(alone), "compiling": compiling()}
                    _timed(worker, answers, about, end, arguments)


def _took(worker: Worker, answer: dict[str, Any] | None, arguments: argparse.Namespace) -> None:
    """Take note of what a worker has built, or of its failure."""
    worker.building = False
    if answer is None:
        worker.jobs.clear()
        _write(arguments, {"environment": worker.environment, "outcome": "its process has ended"})
        return
    for failed in answer["failed"]:
        _write(arguments, failed)
    if answer["programs"]:
        worker.built.append(answer["programs"])


def _timed(
    worker: Worker,
    answers: queue.Queue,
    about: dict[str, int],
    end: float,
    arguments: argparse.Namespace,
) -> None:
    """Write the rows of one worker, whose turn it is; others may meanwhile have built."""
    while end > time.monotonic():
        try:
            who, answer = answers.get(timeout=max(0.1, end - time.monotonic()))
        except queue.Empty:
            return
        if answer is None or "programs" in answer:
            _took(who, answer, arguments)
            if who is worker:
                return
        elif "row" in answer:
            _write(arguments, {**answer["row"], **about})
        else:
            return


def _write(arguments: argparse.Namespace, row: dict[str, Any]) -> None:
    append_row(arguments.folder / "rates.csv", {name: row.get(name, "") for name in COLUMNS})


def _start(
    environment: str, todo: list[Job], arguments: argparse.Namespace, answers: queue.Queue
) -> Worker:
    command = [sys.executable, __file__, "worker", "--environment", environment]
    command += ["--folder", arguments.folder, "--scratch", arguments.scratch]
    # Not by standard output, on which packages print as they are imported.
    reading, writing = os.pipe()
    command += [*(["--rehearse"] * arguments.rehearse), f"--answers={writing}", 0]
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.PIPE, text=True, pass_fds=[writing]
    )
    os.close(writing)
    worker = Worker(environment, process, todo)

    def listen() -> None:
        with os.fdopen(reading) as lines:
            for line in lines:
                answers.put((worker, json.loads(line)))
        answers.put((worker, None))

    threading.Thread(target=listen, daemon=True).start()
    return worker


class Bench:
    """One environment's programs."""

    def __init__(self, environment: str, given: Sizes) -> None:
        self.environment, self.given = environment, given
        self._functions: dict[tuple[str, int], Callable[..., Any]] = {}
        self._inputs: dict[int, tuple[np.ndarray, ...]] = {}
        self._build_s: dict[tuple[str, int], float] = {}
        self._cut_off: dict[tuple[str, int], float] = {}

    @cached_property
    def dynamics(self) -> Any:
        """The environment's step, loaded when it is needed: a failure is an answer too."""
        return load(self.environment)

    @cached_property
    def step(self) -> Callable[..., Any]:
        """The plain step of a batch."""
        return jax.jit(jax.vmap(self.dynamics.step))

    def build(self, program: str, batch: int) -> None:
        """Compile by a first call."""
        started = time.perf_counter()
        inputs = self.inputs(batch)
        if program == STEP:
            self._functions[program, batch] = self.step
        else:
            derive = batched_jacobians(self.dynamics, program, batch)
            converged = derive(*inputs).record.solver_converged
            self._cut_off[program, batch] = float(1 - np.mean(converged))
            self._functions[program, batch] = derive
        self._build_s[program, batch] = time.perf_counter() - started

    def inputs(self, batch: int) -> tuple[np.ndarray, ...]:
        """States, actions and memories, of this batch's size."""
        if batch not in self._inputs:
            self._inputs[batch] = self._rollout(batch)
        return self._inputs[batch]

    def _rollout(self, batch: int) -> tuple[np.ndarray, ...]:
        """Samples after a random number of random actions each."""
        rng, model = np.random.default_rng(0), self.dynamics.mj_model
        low, high = np.where(
            model.actuator_ctrllimited[:, None], model.actuator_ctrlrange, [-1.0, 1.0]
        ).T
        state = np.concatenate([_positions(model, batch, rng), np.zeros((batch, model.nv))], axis=1)
        memory = np.zeros((batch, model.nv))
        stop = rng.integers(self.given.warm_up + 1, size=(batch, 1))
        for number in range(self.given.warm_up):
            action = rng.uniform(low, high, (batch, model.nu))
            after = self.step(state, action, memory)
            state, memory = (
                np.where(number < stop, new, old)
                for new, old in zip(after, (state, memory), strict=True)
            )
        return state, rng.uniform(low, high, (batch, model.nu)), memory

    def time(self, program: str, batch: int) -> dict[str, Any]:
        """The row of one program: the median of as many calls as fit."""
        function, inputs = self._functions[program, batch], self.inputs(batch)
        if program != STEP:
            # Two batches, which the product has under way at once on an accelerator.
            inputs = tuple(np.concatenate([values, values]) for values in inputs)
        seconds: list[float] = []
        jax.block_until_ready(function(*inputs))
        while len(seconds) < 3 or sum(seconds) < self.given.rate_s:
            started = time.perf_counter()
            jax.block_until_ready(function(*inputs))
            seconds.append(time.perf_counter() - started)
        memory = jax.devices()[0].memory_stats() or {}
        return self.about(program, batch) | {
            "per_s": round(len(inputs[0]) / float(np.median(seconds)), 1),
            "calls": len(seconds),
            "samples_per_call": len(inputs[0]),
            "build_s": round(self._build_s[program, batch], 1),
            "cut_off_share": self._cut_off.get((program, batch), ""),
            "peak_gb": round(memory.get("peak_bytes_in_use", 0) / 1e9, 2),
            "states": f"random actions, finite: {np.isfinite(inputs[0]).all(axis=1).mean():.4f}",
            "outcome": "measured",
        }

    def about(self, program: str, batch: int) -> dict[str, Any]:
        """What a row is about."""
        method = "" if program == STEP else resolve_method(program)
        about = {"environment": self.environment, "program": program, "method": method}
        return {**about, "batch": batch}


def _positions(model: mujoco.MjModel, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Hinges anywhere in their range, or all around; the rest as the model has it."""
    qpos = np.tile(model.qpos0, (batch, 1))
    for joint in range(model.njnt):
        if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_HINGE:
            limits = model.jnt_range[joint] if model.jnt_limited[joint] else (-np.pi, np.pi)
            qpos[:, model.jnt_qposadr[joint]] = rng.uniform(*limits, batch)
    return qpos


def work(environment: str, given: Sizes, answers: int) -> None:
    """Build and time as asked on standard input, a JSON line each; answer likewise."""
    bench = Bench(environment, given)

    def answer(value: dict[str, Any]) -> None:
        os.write(answers, (json.dumps(value) + "\n").encode())

    for line in sys.stdin:
        question = json.loads(line)
        if question["do"] == "time":
            for program, batch in question["programs"]:
                answer({"row": _attempted(bench, bench.time, program, batch)})
            answer({"done": True})
            continue
        batch, built, failed = question["batch"], [], []
        for program in question["programs"]:
            problem = _attempted(bench, bench.build, program, batch)
            if problem:
                failed.append(problem)
            else:
                built.append((program, batch))
        answer({"programs": built, "failed": failed})


def _attempted(bench: Bench, do: Callable[[str, int], Any], program: str, batch: int) -> Any:
    """What a call gives; the row that tells of its failure if it fails."""
    try:
        return do(program, batch)
    except Exception as error:  # whatever it is: the other programs go on
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        about = {"environment": bench.environment, "program": program, "batch": batch}
        return {**about, "outcome": reason}


def main() -> None:
    """Ask, or be a worker."""
    parser = part_parser(__doc__, "conduct", "worker")
    parser.add_argument("--environment")
    parser.add_argument("--answers", type=int, help="where a worker writes")
    arguments = parser.parse_args()
    if arguments.part != "worker":
        conduct(arguments)
        return
    prepare_to_compile()
    with precision("float64"):
        work(arguments.environment, sizes(arguments.rehearse), arguments.answers)


if __name__ == "__main__":
    main()
