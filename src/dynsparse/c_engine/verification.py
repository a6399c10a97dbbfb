"""A dataset made on MuJoCo's C engine, held against that engine again."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool
from tabulate import tabulate

from dynsparse.c_engine.comparison import Compared, compare
from dynsparse.c_engine.consistency import (
    NOT_REPEATED,
    from_seed,
    known_and_jacobian,
    wrong_steps,
)
from dynsparse.c_engine.files import COUNTED, RECORDED, Shares
from dynsparse.c_engine.layout import Sample
from dynsparse.c_engine.remade import Remade, made_again, sample_of
from dynsparse.dataset import Dataset, DatasetInfo, Episode
from dynsparse.tables.verdicts import CHECKS, FEW, ROUGH
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
    found = examine(path, dataset, samples, environment, model)
    table, refusals = tabulate(found.lines(), disable_numparse=True), found.refusals()
    return VerifiedFile(table, f"{path}: {'; '.join(refusals)}" if refusals else None)


def examine(
    path: Path,
    dataset: Dataset,
    samples: int,
    environment: str | None,
    model: Path | None,
    advance: Callable[[int], Any] = lambda count: None,
) -> "Findings":
    """What ``verify_simulated`` finds out; it raises the same. ``advance`` is told of samples."""
    info = dataset.info
    remade = made_again(path, info, environment, model)
    stride = max(1, -(-info.episodes * info.steps // samples))
    found = Findings(info)
    for episode, of in zip(dataset.episodes(), remade, strict=True):
        sample = sample_of(info, episode, of.dynamics)
        found.add_steps(episode, of, sample)
        chosen = np.arange(-episode.index * info.steps % stride, info.steps, stride)
        if chosen.size:
            given = Sample(*(part[chosen] for part in sample))
            known, jacobian = (part[chosen] for part in known_and_jacobian(episode))
            found.add_samples(episode, chosen, compare(of.dynamics, given, known, jacobian))
            advance(len(chosen))
    return found


# What is counted of the samples that are held against differences of other widths.
SAMPLES, COMPARED, WRONG = "samples", "elements compared", "wrong elements"
UNDECIDED, OPEN = "known, but undecided by these widths", "unknown, but told by these widths"


class Replayed(NamedTuple):
    """An episode taken again.

    Attributes:
        episode: what the file has of it.
        wrong: which steps it says of what they are not, by what that is.
        apart: by how much a next state is off at most.
        broken: steps that do not start where the last one ended.
        trajectory: a digest of where it began and what was done in it.
    """

    episode: Episode
    wrong: dict[str, Bool[np.ndarray, " time"]]
    apart: float
    broken: int
    trajectory: str


class Findings:
    """What was found out, counted episode by episode."""

    def __init__(self, info: DatasetInfo) -> None:
        """Begin with nothing."""
        self._info, self._steps = info, info.episodes * info.steps
        self._places: dict[str, list[str]] = {}
        self._apart, self._from_seed, self._shares = 0.0, 0, Shares()
        self.replays: list[Replayed] = []
        self.compared: list[tuple[Episode, np.ndarray, Compared]] = []
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
        broken = 0 if self._info.behaviour == RECORDED else len(episode.broken_steps())
        self.replays.append(Replayed(episode, wrong, apart, broken, trajectory(episode)))

    def add_samples(self, episode: Episode, steps: np.ndarray, compared: Compared) -> None:
        """Take in what differences of other widths say of some of an episode's steps."""
        self.compared.append((episode, steps, compared))
        found = {
            COMPARED: compared.compared,
            WRONG: compared.wrong,
            UNDECIDED: compared.undecided,
            OPEN: compared.open,
        }
        self.counts[SAMPLES] += len(steps)
        self.counts.update({name: int(each.sum()) for name, each in found.items()})

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
        twins = self._info.episodes - len({each.trajectory for each in self.replays})
        broken = sum(each.broken for each in self.replays)
        episodes = CHECKS["episodes"]({"broken": broken, "twins": twins}, 1.0)
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
