"""An episode as the page holds it: arrays one behind the other, compressed, as text."""

import base64
import gzip
from collections.abc import Mapping
from typing import Any

import numpy as np

from dynsparse.api.episode import Episode
from dynsparse.explorer.digits import encode

# What is taken at most before it is compressed, so that a file of any size can be looked at.
MOST_NUMBERS = 2_000_000


def steps_at_most(episode: Episode) -> int:
    """How many steps of an episode are looked at."""
    state, action = len(episode.part.info.state_names), len(episode.part.info.action_names)
    return min(len(episode), max(MOST_NUMBERS // ((state + 1) * (state + action)), 1))


def packed(
    episode: Episode, steps: int, threshold: float, robot: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """The first steps of an episode.

    Args:
        episode: of a dataset.
        steps: how many.
        threshold: below it an element is zero.
        robot: arrays of its poses, by name.

    Returns:
        ``seed``, ``episode``, ``steps``, ``of`` (steps that there are), ``arrays`` (name, type and
        shape of each, in order; the time is the last axis) and ``data``, the text.
    """
    ok = episode.jacobian_ok[:steps]
    elements = np.concatenate(
        [episode.state_jacobian[:steps], episode.action_jacobian[:steps]], axis=-1
    )
    # What has no derivative is not shown.
    elements = np.where(ok[:, None, None], elements, 0).reshape(steps, -1)
    reward = episode.reward[:steps, None]
    variables = np.concatenate([episode.state[:steps], episode.action[:steps], reward], axis=-1)
    # Longer numbers first: each array begins at a multiple of its numbers' size.
    arrays = {
        **robot,
        "elements": _bytes(encode(elements, threshold).T),
        "variables": _bytes(encode(variables, threshold).T),
        "ok": ok.astype(np.uint8),
        "contact": episode.contact[:steps].T.astype(np.uint8),
        "constraint": episode.constraint_active[:steps].T.astype(np.uint8),
    }
    return {
        "seed": episode.case.seed,
        "episode": episode.index,
        "steps": steps,
        "of": len(episode),
        "arrays": [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()],
        "data": _text(b"".join(array.tobytes() for array in arrays.values())),
    }


def compressed(content: bytes) -> bytes:
    """Compressed; the same bytes from the same content."""
    return gzip.compress(content, 9, mtime=0)


def _text(content: bytes) -> str:
    return base64.b64encode(compressed(content)).decode()


def _bytes(codes: np.ndarray) -> np.ndarray:
    """Low bytes, then high bytes: alike beside alike compresses better."""
    return np.stack([codes & 255, codes >> 8]).astype(np.uint8)
