"""Score cards: what an entry scored, as JSON. A card may come from somebody one does not know."""

import json
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dynsparse.benchmark.predictions import Predictions, privileges_problem
from dynsparse.benchmark.scoring import BOUNDS, TITLES, Jacobians, Scores, score
from dynsparse.benchmark.task import Task
from dynsparse.errors import DynsparseError, printable
from dynsparse.storage.files import whole_file
from dynsparse.strangers import strict_json

# 2: changes are found at most one step early or late; in 1, in exactly the right step.
FORMAT = "dynsparse card 2"
MOST_BYTES = 2**16


@dataclass(frozen=True)
class Card:
    """What an entry scored.

    Attributes:
        task: its name.
        dataset: the digest of the data that the scores are on.
        method: the entry's name, as whoever sent it in wrote it.
        privileged: what it was told.
        live: the seed of fresh episodes; None: it is scored on the task's own samples.
        predictions: SHA-256 of the prediction file; None: arrays in memory.
        dynsparse: the version that scored it.
        samples: how many were scored.
        scores: by name, NaN where a score is not to be had.
    """

    task: str
    dataset: str
    method: str
    privileged: tuple[str, ...]
    live: int | None
    predictions: str | None
    dynsparse: str
    samples: int
    scores: Scores

    def save(self, path: Path | str) -> None:
        """Write the card as JSON.

        Raises:
            DynsparseError: the file cannot be written, or would be no card.
        """
        scores = {name: None if math.isnan(x) else x for name, x in self.scores.items()}
        text = json.dumps({"format": FORMAT, **asdict(self), "scores": scores}, indent=1)
        problem = _problem(strict_json(text))
        if problem:
            raise DynsparseError(f"{path}: this would be no card: {printable(problem)}")
        with whole_file(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def __str__(self) -> str:
        told = ", ".join(self.privileged) or "nothing"
        head = [
            f"task: {self.task}" + ("" if self.live is None else f", fresh, seed {self.live}"),
            f"method: {self.method}, told {told}",
            f"samples: {self.samples}",
        ]
        width = max(map(len, TITLES.values()))
        scores = [
            f"{title:<{width}}  {self.scores[name]:.4g}"
            for name, title in TITLES.items()
            if not math.isnan(self.scores[name])
        ]
        return "\n".join(map(printable, [*head, *scores]))


def make_card(
    task: Task,
    predictions: Predictions,
    jacobian: Jacobians | None = None,
    live: int | None = None,
) -> Card:
    """Score predictions; the arguments are those of ``scoring.score``."""
    return Card(
        task=task.name,
        dataset=task.about.dataset,
        method=predictions.method,
        privileged=predictions.privileged,
        live=live,
        predictions=predictions.digest,
        dynsparse=version("dynsparse"),
        samples=len(task.test.seed),
        scores=score(task, predictions, jacobian),
    )


def save_cards(cards: Sequence[Card], folder: Path) -> list[Path]:
    """Write cards into a folder, each under the name of its task and method.

    Raises:
        DynsparseError: as ``Card.save``.
    """
    names = [re.sub("[^A-Za-z0-9]+", "-", f"{card.task} {card.method}") for card in cards]
    paths = [folder / f"{name}.json" for name in names]
    for card, path in zip(cards, paths, strict=True):
        card.save(path)
    return paths


def read_card(path: Path) -> Card:
    """A card, its content checked.

    Raises:
        DynsparseError: it is too large, a link, or no card.
    """
    if path.is_symlink():
        raise DynsparseError(f"{path}: a link is not followed")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DynsparseError(f"{path}: no card: it is larger than {MOST_BYTES} bytes")
        found = strict_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DynsparseError(f"{path}: no card: {printable(str(error))}") from None
    problem = _problem(found)
    if problem:
        raise DynsparseError(f"{path}: no card: {printable(problem)}")
    given = {name: value for name, value in found.items() if name != "format"}
    known = {name: float("nan") for name in TITLES}
    scores = {name: math.nan if x is None else float(x) for name, x in found["scores"].items()}
    return Card(
        **{**given, "privileged": tuple(given["privileged"]), "scores": {**known, **scores}}
    )


def _problem(found: Any) -> str | None:
    """What is wrong with a card; None: nothing."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(found))
    if error is not None:
        return f"{'/'.join(map(str, error.absolute_path)) or 'it'}: {error.message[:200]}"
    if problem := privileges_problem(found["privileged"]):
        return problem
    for name, value in found["scores"].items():
        if name not in TITLES:
            return f"scores/{name[:50]}: does not exist"
        if value is not None and not abs(value) <= sys.float_info.max:
            return f"scores/{name}: not finite"
        least, most = BOUNDS[name]
        if value is not None and not least <= value <= most:
            return f"scores/{name}: {value:g} is not between {least:g} and {most:g}"
    return None


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    text = (Path(__file__).parent / "card.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))
