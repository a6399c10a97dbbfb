"""The page of a case: what is known of its elements, and as many episodes as there is room for."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from dynsparse.api.dataset import Dataset
from dynsparse.api.episode import Episode
from dynsparse.api.names import bare, unit
from dynsparse.errors import DynsparseError, printable
from dynsparse.explorer.episode import packed, steps_at_most
from dynsparse.explorer.page import MOST_BYTES, page

# A matrix of more elements is no longer a picture.
MOST_ELEMENTS = 10_000


def case_page(
    data: Dataset, threshold: float, structure: pa.Table | None = None, model: Any = None
) -> str:
    """The page of an environment and behaviour.

    Args:
        data: its episodes, of all seeds.
        threshold: below it an element is zero.
        structure: ``dynsparse.sparsity.structure.SCHEMA``; None: not known.
        model: the environment's ``mujoco.MjModel``; None: the page has no robot.

    Raises:
        DynsparseError: the matrix is too large to be looked at, or model and states differ.
    """
    shape = (len(data.state_names), len(data.state_names) + len(data.action_names))
    if shape[0] * shape[1] > MOST_ELEMENTS:
        raise DynsparseError(
            f"{data.parts[0].origin}: {shape[0]} x {shape[1]} elements are too many to look at;"
            f" at most {MOST_ELEMENTS:,} are shown"
        )
    about = _about(data, threshold) | {"structural": _structural(structure, data, shape)}
    about["robot"] = _robot(model, data) if model is not None else None
    room = MOST_BYTES - len(page(about, []).encode())
    episodes: list[dict[str, Any]] = []
    for episode in _in_turn(data):
        one = _shortened(episode, threshold, model, room if not episodes else 0)
        size = len(one["data"]) + 1000
        if episodes and size > room:
            break
        episodes.append(one)
        room -= size
    return page(about, episodes)


def _about(data: Dataset, threshold: float) -> dict[str, Any]:
    info = data.parts[0].info
    zeros, samples = _zeros(data, threshold)
    names: dict[str, list[Any]] = {
        kind: [[printable(bare(name)), printable(unit(name))] for name in getattr(info, kind)]
        for kind in ("state_names", "action_names")
    }
    circumstances = ("contact_names", "constraint_names")
    names |= {kind: list(map(printable, getattr(info, kind))) for kind in circumstances}
    environment, behaviour = printable(info.environment), printable(info.behaviour)
    return {
        "title": f"{environment} ({behaviour})",
        "environment": environment,
        "behaviour": behaviour,
        **names,
        "control_dt_s": info.control_dt_s,
        "threshold": threshold,
        "zeros": zeros.ravel().tolist(),
        "samples": samples,
        "all_episodes": len(data),
    }


def _zeros(data: Dataset, threshold: float) -> tuple[Int[np.ndarray, "rows columns"], int]:
    """In how many samples each element is zero, and how many there are."""
    counts, samples = None, 0
    for episode in data:
        zeros = episode.zeros(threshold)
        found = zeros.sum(axis=0).filled(0)
        counts = found if counts is None else counts + found
        samples += int(episode.jacobian_ok.sum())
    return np.asarray(counts, np.int64), samples


def _structural(
    structure: pa.Table | None, data: Dataset, shape: tuple[int, int]
) -> list[int] | None:
    """Whether the model proves each element zero, row by row; None where that is not known."""
    if structure is None:
        return None
    found: Bool[np.ndarray, "rows columns"] = np.zeros(shape, bool)
    rows, states = data.parts[0].info, shape[0]
    names = rows.state_names, (*rows.state_names, *rows.action_names)
    known = 0
    for each in structure.to_pylist():
        column = each["column"] + (states if each["jacobian"] == "action" else 0)
        if each["environment"] != rows.environment:
            continue
        if not (0 <= each["row"] < shape[0] and 0 <= column < shape[1]):
            return None
        if (each["row_name"], each["column_name"]) != (names[0][each["row"]], names[1][column]):
            return None
        found[each["row"], column] = each["structural"]
        known += 1
    return found.astype(int).ravel().tolist() if known == found.size else None


def _robot(model: Any, data: Dataset) -> dict[str, Any]:
    from dynsparse.explorer import robot

    states = len(data.state_names)
    if model.nq + model.nv != states:
        raise DynsparseError(
            f"{data.parts[0].origin}: its states have {states} numbers, those of the model of"
            f" {data.parts[0].info.environment} {model.nq + model.nv}"
        )
    seen = robot.view(model, np.asarray(data[0].state[0], np.float64))
    return {"shapes": robot.shapes(model), "strings": robot.strings(model), "view": seen}


def _in_turn(data: Dataset) -> Iterator[Episode]:
    """Episodes, a first one of each seed before any second one."""
    by_part: Sequence[list[Episode]] = [
        [episode for episode in data if episode.part is part] for part in data.parts
    ]
    for turn in zip_longest(*by_part):
        yield from (episode for episode in turn if episode is not None)


def _shortened(episode: Episode, threshold: float, model: Any, room: int) -> dict[str, Any]:
    """An episode, or as much of its beginning as there is room for; 0: all of it."""
    steps = steps_at_most(episode)
    while True:
        one = _one(episode, steps, threshold, model)
        if not room or len(one["data"]) < room or steps == 1:
            return one
        # Its steps are about alike; a little less, so that the next try fits.
        steps = max(int(0.95 * steps * room / len(one["data"])), 1)


def _one(episode: Episode, steps: int, threshold: float, model: Any) -> dict[str, Any]:
    arrays, scale = {}, 0.0
    if model is not None:
        from dynsparse.explorer.robot import poses

        found = poses(model, np.asarray(episode.state[:steps], np.float64))._asdict()
        scale = found.pop("scale")
        arrays = {**found, "centre": found["centre"].astype(np.float32)}
    return packed(episode, steps, threshold, arrays) | {"scale": scale}
