"""World models of the paper's sizes: how fast a step is, and what each loss gives.

``speed`` times a gradient step of several seeds together beside PyTorch's of one. ``losses`` trains
all losses in turn, an epoch at a time, so that whenever it is stopped all have had as many, beside
what needs no training: the training mean, and least squares.
"""

import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from gpu_common import Sizes, append_row, at_work, device_alone, part_parser, sizes
from gpu_million import THRESHOLD, data_file
from learning import paper_settings, pytorch_step_s, step_s

from dynsparse.learning.data.preparation import Division, Prepared, prepare
from dynsparse.learning.data.samples import Samples
from dynsparse.learning.data.splits import EPISODE
from dynsparse.learning.scoring.evaluation import make_evaluate, on_device
from dynsparse.learning.training.epochs import create, make_epoch
from dynsparse.learning.training.losses import LOSSES
from dynsparse.precision import precision
from dynsparse.running.compiling import prepare_to_compile

TIMED = ("state", "state-jacobian-l1")
PAUSE_S = 0.5
ERRORS = ("validation_state_mse", "validation_jacobian_mse", "validation_jacobian_mae")


def speed(given: Sizes, folder: Path, scratch: Path, patience_s: float) -> None:
    """Write milliseconds per gradient step, ours of all seeds together, PyTorch's of one."""
    with device_alone(scratch, patience_s) as alone, precision("float32"):
        for loss in TIMED:
            for seeds in given.seeds:
                settings = paper_settings(loss, given.width, given.batch)
                seconds = step_s(settings, seeds, given.gradient_steps)
                _tell_speed(folder, "dynsparse", loss, seeds, seconds, alone)
        if find_spec("torch") is None:
            return
        for loss in TIMED:
            rest = (given.gradient_steps, 1, given.width, given.batch)
            seconds = pytorch_step_s(sys.executable, loss, 0, *rest)
            _tell_speed(folder, "PyTorch", loss, 1, seconds, alone)


def _tell_speed(
    folder: Path, library: str, loss: str, seeds: int, seconds: float, alone: bool
) -> None:
    row = {"library": library, "loss": loss, "seeds": seeds, "ms_per_step": round(1e3 * seconds, 4)}
    append_row(folder / "learning.csv", {**row, "alone": int(alone)})


Train = Callable[[int], None]  # all seeds under one loss, by the number of the epoch


def losses(given: Sizes, folder: Path, scratch: Path, budget_s: float) -> None:
    """Train and write until the time is over; an epoch that would not fit is not begun."""
    end = time.monotonic() + budget_s
    files = [(name, data_file(scratch, name, 0)) for name in given.learned]
    # Others collect them.
    while time.monotonic() < end - budget_s / 2 and not all(path.exists() for _, path in files):
        time.sleep(0.2)
    missing = [name for name, path in files if not path.exists()]
    with precision("float32"):
        trainings = [
            train
            for name, path in files
            if name not in missing
            for train in _trainings(name, path, given, folder)
        ]
        longest = 0.0
        for epoch in range(1, given.epochs + 1):
            if time.monotonic() + longest > end:
                break
            started = time.monotonic()
            with at_work(scratch):
                for train in trainings:
                    train(epoch)
            # The first epoch compiles.
            longest = 1.2 * (time.monotonic() - started) if epoch > 1 else 0.0
            # Whoever waits to time something gets the device now.
            time.sleep(PAUSE_S)
    if missing:
        raise SystemExit(f"error: no samples of {', '.join(missing)}")


def _trainings(name: str, path: Path, given: Sizes, folder: Path) -> list[Train]:
    """Learners of every loss on the samples of one environment, the guesses written first."""
    section = {
        "zero_threshold": THRESHOLD,
        "splits": {EPISODE: 1},
        "validation_share": 0.1,
        "test_share": 0.1,
        "evaluation": {"samples": given.scored},
    }
    prepared = prepare([path], section, Division(EPISODE, 0))
    shared = {"environment": name, "samples": len(prepared.samples.inputs)}

    def tell(source: str, seed: Any, epoch: Any, errors: Sequence[float]) -> None:
        row = {**shared, "source": source, "seed": seed, "epoch": epoch}
        figures = {key: f"{value:.6g}" for key, value in zip(ERRORS, errors, strict=True)}
        append_row(folder / "losses.csv", {**row, **figures})

    for source, errors in guesses(prepared).items():
        tell(source, "", "", errors)
    data = on_device(prepared.samples.take(prepared.split.train)), on_device(prepared.validation)
    return [_training(loss, given, data, tell) for loss in LOSSES]


def _training(loss: str, given: Sizes, data: Any, tell: Callable[..., None]) -> Train:
    train, validation = data
    settings = paper_settings(loss, given.width, given.batch)
    one_epoch, evaluate = make_epoch(settings), make_evaluate((1e-6,)).scores
    seeds = tuple(range(1, given.models + 1))
    shapes = train.inputs.shape[1], train.next_state.shape[1]
    current = [create(settings, *shapes, seeds)]

    def epoch(number: int) -> None:
        current[0], _ = one_epoch(current[0], train, number, len(train.inputs))
        scores = evaluate(current[0], validation)
        state = np.asarray(scores.squared).mean(axis=1)
        jacobian = np.asarray(scores.jacobian_squared), np.asarray(scores.jacobian_absolute)
        for seed, *errors in zip(seeds, state, *jacobian, strict=True):
            tell(loss, seed, number, errors)

    return epoch


def guesses(prepared: Prepared) -> dict[str, tuple[float, float, float]]:
    """Errors on the validation samples of what needs no training.

    ``training mean``: the mean next state, and the mean Jacobian. ``linear``: least squares of the
    next state by state, action and a constant, and its coefficients as everybody's Jacobian.
    """
    train, asked = prepared.samples.take(prepared.split.train), prepared.validation
    mean = train.next_state.mean(axis=0, dtype=np.float64)
    jacobian = train.jacobian.mean(axis=0, dtype=np.float64)
    coefficients = np.linalg.lstsq(_with_constant(train), train.next_state.astype(float))[0]
    return {
        "training mean": _errors(asked, mean[None], jacobian),
        "linear": _errors(asked, _with_constant(asked) @ coefficients, coefficients[:-1].T),
    }


def _with_constant(samples: Samples) -> np.ndarray:
    return np.column_stack([samples.inputs.astype(float), np.ones(len(samples.inputs))])


def _errors(
    asked: Samples, next_state: np.ndarray, jacobian: np.ndarray
) -> tuple[float, float, float]:
    error = asked.jacobian - jacobian
    state = np.mean((asked.next_state - next_state) ** 2)
    return float(state), float(np.mean(error**2)), float(np.mean(np.abs(error)))


def main() -> None:
    """Run one of the parts."""
    parser = part_parser(__doc__, "speed", "losses")
    arguments = parser.parse_args()
    prepare_to_compile()
    given = sizes(arguments.rehearse)
    if arguments.part == "speed":
        speed(given, arguments.folder, arguments.scratch, arguments.budget_s / 2)
    else:
        losses(given, arguments.folder, arguments.scratch, arguments.budget_s)


if __name__ == "__main__":
    main()
