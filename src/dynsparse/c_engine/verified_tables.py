"""Verification of a dataset made on MuJoCo's C engine, as the tables that a study has of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dynsparse.c_engine.comparison import Compared
from dynsparse.c_engine.consistency import NOT_REPEATED, OTHER_FLAGS, known_and_jacobian
from dynsparse.c_engine.verification import Findings, Replayed, examine
from dynsparse.dataset import Dataset, DatasetInfo, Episode
from dynsparse.running.console import progress
from dynsparse.sparsity.source import source_name
from dynsparse.storage.tables import with_metadata
from dynsparse.verification import replay
from dynsparse.verification.differences import ZERO
from dynsparse.verification.samples import STRATA, strata_of
from dynsparse.verification.verify import (
    ELEMENTS_SCHEMA,
    SCHEMA,
    Verification,
    counted,
    keys,
    worst_elements,
)


def verify_simulation(path: Path, dataset: Dataset, samples: int, name: str) -> Verification:
    """What ``verify_simulated`` finds out, in the tables of ``verify_jacobians``.

    Args:
        path: of the dataset, for messages.
        dataset: the file under test.
        samples: how many Jacobians, evenly from the whole file.
        name: of the environment in the study, such as ``dm_control:quadruped-walk``.

    Returns:
        A sample's error is that of the elements that could be compared; a sample without any is
        at a ``kink``. The replay is that of the C engine, bit for bit: there is no second one, so
        that what is of another engine is null. ``refused`` is why the file is not verified.

    Raises:
        DynsparseError: as ``verify_simulated``.
    """
    info = dataset.info
    label = f"verify {info.environment} {info.behaviour} seed {info.seed}"
    with progress(min(samples, info.episodes * info.steps), label, "sample") as bar:
        found = examine(path, dataset, samples, name, None, bar.update)
    facts = {"control_dt_s": info.control_dt_s, "threshold": ZERO, "sources": [source_name(info)]}
    count = sum(len(steps) for _, steps, _ in found.compared)
    parts = [_samples(info, *each) for each in found.compared]
    replays = pa.Table.from_pylist(_replays(info, found), schema=replay.SCHEMA)
    return Verification(
        with_metadata(pa.concat_tables(parts), "verification", **facts, steps=count),
        with_metadata(_elements(info, found), "verification_elements", **facts, steps=count),
        with_metadata(
            replays, "replay", steps=info.episodes * info.steps, sources=facts["sources"]
        ),
    )


def _samples(info: DatasetInfo, episode: Episode, steps: np.ndarray, of: Compared) -> pa.Table:
    known, _ = known_and_jacobian(episode)
    columns = {
        "episode": np.full(len(steps), episode.index, np.int32),
        "step": steps.astype(np.int32),
        "stratum": np.array(STRATA)[strata_of(episode)[steps]],
        "kink": ~of.compared.any(axis=(1, 2)),
        "jump": np.zeros(len(steps), bool),
        "error": of.error.max(axis=(1, 2)),
        "worst_element": worst_elements(info, of.excess),
        "elements": counted(known[steps]),
        "wrong_elements": counted(of.wrong),
        "missed_elements": counted(of.missed),
        "invented_elements": counted(of.invented),
        "undecided_elements": counted(of.undecided),
        "engine_replay_error": np.full(len(steps), np.nan),
        "engine_error": np.full(len(steps), np.nan),
    }
    return pa.table({**keys(info, info.method, len(steps)), **columns}, schema=SCHEMA)


def _elements(info: DatasetInfo, found: Findings) -> pa.Table:
    """Errors of each element over the samples in which it could be compared."""
    compared = np.concatenate([of.compared for *_, of in found.compared])
    error = np.concatenate([of.error for *_, of in found.compared])
    inputs = (*info.state_names, *info.action_names)
    flat = [each.reshape(len(compared), -1).T for each in (compared, error)]
    chosen = [values[there] for there, values in zip(*flat, strict=True)]
    columns = {
        "row_name": np.repeat(info.state_names, len(inputs)),
        "column_name": np.tile(inputs, len(info.state_names)),
        "samples": [len(each) for each in chosen],
        "median_error": [float(np.median(each)) if len(each) else np.nan for each in chosen],
        "max_error": [float(each.max()) if len(each) else np.nan for each in chosen],
    }
    return pa.table({**keys(info, info.method, len(chosen)), **columns}, schema=ELEMENTS_SCHEMA)


def _replays(info: DatasetInfo, found: Findings) -> list[dict[str, Any]]:
    same = {"environment": info.environment, "behaviour": info.behaviour, "seed": info.seed}
    refused = "; ".join(found.refusals()) or None
    return [{**same, "refused": refused, **_replay(info, each)} for each in found.replays]


def _replay(info: DatasetInfo, each: Replayed) -> dict[str, Any]:
    """A row of the replay: a step is repeated if all that is said of it is."""
    episode, steps = each.episode, len(each.episode.state)
    places = {what: np.flatnonzero(where) for what, where in each.wrong.items() if where.any()}
    unrepeated = set().union(*(where.tolist() for where in places.values()))
    at = [
        f"seed {info.seed}, episode {episode.index}, step {where[0]}: steps {what}"
        for what, where in places.items()
    ]
    converged = episode.solver_converged
    assert converged is not None  # since version 2 of the format
    flags = np.logical_or(*(each.wrong[what] for what in OTHER_FLAGS))
    known, _ = known_and_jacobian(episode)
    return {
        "episode": episode.index,
        "steps": steps,
        "without_jacobian": int((~known.any(axis=(1, 2))).sum()),
        "replayed": steps - len(places.get(NOT_REPEATED, ())),
        "max_replay_error": each.apart,
        "unrepeated": len(unrepeated),
        "unrepeated_by": each.apart if unrepeated else None,
        "unrepeated_at": at[0] if at else None,
        "unsteady": 0,
        "converged": int(converged.sum()),
        "broken": each.broken,
        "other_flags": int(flags.sum()),
        "trajectory": each.trajectory,
    }
