"""The referee of datasets that MuJoCo's C engine made: that engine again, and other widths."""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from dynsparse.audit.referee import Verdict
from dynsparse.c_engine.comparison import compare
from dynsparse.c_engine.consistency import known_and_jacobian, wrong_steps
from dynsparse.c_engine.layout import Sample
from dynsparse.c_engine.remade import made_again, sample_of
from dynsparse.dataset import Dataset
from dynsparse.tables.verdicts import ROUGH


def judge_simulated(
    path: Path, dataset: Dataset, name: str, position: Int[np.ndarray, " samples"]
) -> Verdict:
    """Take steps again bit for bit, and hold their Jacobians against differences of other widths.

    Args:
        path: of the dataset, for messages.
        dataset: the file.
        name: of the environment in the study.
        position: the samples, in order.

    Raises:
        DynsparseError: the environment cannot be made again, or is another now.
    """
    info = dataset.info
    parts = []
    for episode, of in zip(dataset.episodes(), made_again(path, info, name, None), strict=True):
        steps = position[position // info.steps == episode.index] % info.steps
        if not steps.size:
            continue
        sample = sample_of(info, episode, of.dynamics)
        wrong, _ = wrong_steps(episode, of, sample)
        known, jacobian = (values[steps] for values in known_and_jacobian(episode))
        found = compare(of.dynamics, Sample(*(part[steps] for part in sample)), known, jacobian)
        excess = np.where(found.wrong, np.inf, found.excess).reshape(len(steps), -1)
        worst, each = excess.argmax(axis=1), np.arange(len(steps))
        undecided = found.undecided.sum(axis=(1, 2))
        parts.append(
            Verdict(
                by_engine=np.ones(len(steps), bool),
                same=~np.any(list(wrong.values()), axis=0)[steps],
                smooth=np.asarray(found.compared.any(axis=(1, 2))),
                decided=undecided <= ROUGH * known.sum(axis=(1, 2)),
                excess=excess[each, worst],
                worst=worst,
                error=found.error.reshape(len(steps), -1)[each, worst],
            )
        )
    return Verdict(*map(np.concatenate, zip(*parts, strict=True)))
