"""A dataset made on MuJoCo's C engine, held against that engine again."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from tabulate import tabulate

from dynsparse.c_engine.consistency import (
    NOT_REPEATED,
    from_seed,
    known_and_jacobian,
    wrong_steps,
)
from dynsparse.c_engine.derivatives import BATCH, OTHER_WIDTHS, differences, known_elements
from dynsparse.c_engine.derivatives import UNDECIDED as UNDECIDED_SIZES
from dynsparse.c_engine.dynamics import EngineDynamics
from dynsparse.c_engine.files import COUNTED, RECORDED, Shares
from dynsparse.c_engine.layout import Sample
from dynsparse.c_engine.remade import Remade, made_again, sample_of
from dynsparse.dataset import Dataset, DatasetInfo, Episode
from dynsparse.jacobians import in_batches
from dynsparse.tables.verification import CHECKS, FEW, ROUGH
from dynsparse.verification.differences import CERTAIN, Differences, judge_elements
from dynsparse.verification.episodes import trajectory

# A file that leaves more elements open than this says too little to be called verified.
MOST_OPEN = 0.5


class VerifiedFile(NamedTuple):
    """What was found out about a file.

    Attributes:
        table: a line per fact, as text.
        refusal: why the file is not verified; None if it is.
    """

    table: str
    refusal: str | None


def verify_simulated(
    path: Path, dataset: Dataset, samples: int, environment: str | None, model: Path | None
) -> VerifiedFile:
    """Replay all steps bit for bit, and hold Jacobians against differences of other widths.

    Args:
        path: of the dataset, for messages.
        dataset: the file under test.
        samples: how many Jacobians, evenly from the whole file.
        environment: what it was made of, if that is a stranger's code.
        model: the MJCF file that it was made of, if that is not where it was.

    Raises:
        DynsparseError: what it was made of cannot be made again, is another now or has other
            names, or a step is none of the dynamics.
    """
    info = dataset.info
    remade = made_again(path, info, environment, model)
    stride = max(1, -(-info.episodes * info.steps // samples))
    found = _Findings(info)
    for episode, of in zip(dataset.episodes(), remade, strict=True):
        sample = sample_of(info, episode, of.dynamics)
        found.add_steps(episode, of, sample)
        chosen = np.arange(-episode.index * info.steps % stride, info.steps, stride)
        found.counts.update(_judged(of.dynamics, episode, sample, chosen))
    refusals = found.refusals()
    table = tabulate(found.lines(), disable_numparse=True)
    return VerifiedFile(table, f"{path}: {'; '.join(refusals)}" if refusals else None)


# What is counted of the samples that are held against differences of other widths.
SAMPLES, COMPARED, WRONG = "samples", "elements compared", "wrong elements"
UNDECIDED, OPEN = "known, but undecided by these widths", "unknown, but told by these widths"


def _judged(
    dynamics: EngineDynamics, episode: Episode, sample: Sample, chosen: np.ndarray
) -> dict[str, int]:
    if not chosen.size:
        return {}

    def program(*parts: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        found, bends = differences(dynamics, Sample(*parts), OTHER_WIDTHS)
        return tuple(found), bends

    picked = tuple(part[chosen] for part in sample)
    parts, bends = in_batches(program, picked, BATCH)
    reference = Differences(*parts)
    known, jacobian = (part[chosen] for part in known_and_jacobian(episode))
    told = known_elements(reference)
    decided = known & told
    # Across a jump a difference is of any size, by which nothing else may be measured.
    reference = reference._replace(jacobian=np.where(decided, reference.jacobian, 0.0))
    # Differences are held against differences, neither of which promises more than it can.
    judged = judge_elements(jacobian, reference, CERTAIN)
    wrong = judged.wrong | _other_zeros(jacobian, reference)
    found = {
        COMPARED: decided | (known & bends),
        WRONG: (decided & wrong) | (known & bends & ~told),
        UNDECIDED: known & ~told & ~bends,
        OPEN: told & ~known,
    }
    return {SAMPLES: len(chosen), **{name: int(each.sum()) for name, each in found.items()}}


def _other_zeros(
    jacobian: Float[np.ndarray, "samples state inputs"], reference: Differences
) -> Bool[np.ndarray, "samples state inputs"]:
    """Zeros that are none, and nonzeros that are, however small beside the largest element.

    Where an output does not move at all, a file may differ by the rounding of its own widths
    alone. They are a third of these, and another of them may have been the best.
    """
    low, high = UNDECIDED_SIZES
    found, size = np.abs(jacobian), np.abs(reference.jacobian)
    moved = (size == 0) & (found > np.maximum(low, 10 * reference.bound))
    return moved | ((found < low) & (size - reference.bound > high))


class _Findings:
    """What was found out, counted episode by episode."""

    def __init__(self, info: DatasetInfo) -> None:
        """Begin with nothing."""
        self._info, self._steps = info, info.episodes * info.steps
        self._places: dict[str, list[str]] = {}
        self._apart, self._broken, self._from_seed, self._shares = 0.0, 0, 0, Shares()
        self._trajectories: set[str] = set()
        self.counts: Counter[str] = Counter()

    def add_steps(self, episode: Episode, remade: Remade, sample: Sample) -> None:
        """Hold all steps of an episode against the simulation, and against themselves."""
        wrong, apart = wrong_steps(episode, remade, sample)
        if self._info.behaviour == RECORDED:
            wrong["have a reward or an end, of which a recording tells nothing"] = (
                episode.reward != 0
            ) | episode.terminated
        self._from_seed += from_seed(remade, sample)
        for what, where in wrong.items():
            found = [f"episode {episode.index}, step {k}" for k in np.flatnonzero(where)]
            self._places.setdefault(what, []).extend(found)
        self._apart = max(self._apart, apart)
        self._shares.add(*(getattr(episode, key) for key in COUNTED))
        self._trajectories.add(trajectory(episode))
        if self._info.behaviour != RECORDED:
            self._broken += len(episode.broken_steps())

    def lines(self) -> list[tuple[str, Any]]:
        """A line per fact."""
        unrepeated = self._places[NOT_REPEATED]
        return [
            ("environment", self._info.environment),
            ("steps", self._steps),
            ("replayed bit for bit", self._steps - len(unrepeated)),
            ("largest replay difference", f"{self._apart:g}"),
            ("first step that is not repeated", unrepeated[0] if unrepeated else "-"),
            ("episodes repeated from their seed", self._from_seed),
            *self.counts.items(),
            ("zeros", self._shares),
        ]

    def refusals(self) -> list[str]:
        """Why the file is not verified; nothing if it is."""
        twins = self._info.episodes - len(self._trajectories)
        episodes = CHECKS["episodes"]({"broken": self._broken, "twins": twins}, 1.0)
        return [
            *(
                f"{len(places)} of {self._steps} steps {what}, first {places[0]}"
                for what, places in self._places.items()
                if places
            ),
            *([episodes] if episodes else []),
            *_refused(self.counts, self._shares),
        ]


def _refused(counts: Counter[str], shares: Shares) -> list[str]:
    """Why a file is not verified by its elements."""
    compared, open_share = counts[COMPARED], 1 - shares.known / shares.elements
    reasons = {
        "no element could be compared": compared == 0,
        f"{counts[WRONG]} of {compared} elements are wrong": counts[WRONG] > 0,
        f"{counts[UNDECIDED]} elements are called known that differences do not decide, beside"
        f" {compared} that they do": counts[UNDECIDED] > ROUGH * compared,
        f"{counts[OPEN]} elements are called unknown that differences tell, beside {compared} that"
        " are compared": counts[OPEN] > FEW * compared,
        f"{open_share:.1%} of the elements are called unknown": open_share > MOST_OPEN,
    }
    return [text for text, holds in reasons.items() if holds]
