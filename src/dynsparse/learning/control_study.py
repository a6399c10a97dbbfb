"""Recovery by guesses that need no network, one job per environment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from dynsparse.console import say
from dynsparse.learning import controls, records
from dynsparse.learning.preparation import prepare
from dynsparse.learning.samples import some_of
from dynsparse.learning.scoring import Scored, score_rows


def score_controls(paths: Sequence[Path | str], section: Mapping[str, Any]) -> pa.Table:
    """Recovery by guesses that need no network, for every split; a table of kind ``recovery``."""
    rows: list[dict[str, Any]] = []
    sources: tuple[str, ...] = ()
    for split in section["splits"]:
        prepared = prepare(paths, section, split)
        sources = prepared.origin.sources
        shared = records.identity(prepared.origin, split, None)
        asked = (prepared.validation, prepared.test)
        known = prepared.samples.take(
            some_of(prepared.split.train, section["evaluation"]["control_samples"])
        )
        count = section["evaluation"]["neighbours"]
        guesses = {
            "mean pattern": [controls.mean_pattern(known, part) for part in asked],
            "contact oracle": [controls.contact_oracle(known, part) for part in asked],
            "nearest neighbours": [
                controls.nearest_neighbours(known, part, count) for part in asked
            ],
        }
        for source, scores in guesses.items():
            say(f"scoring {source} in {prepared.origin.environment}, by {split}")
            rows += [
                {**shared, "source": source} | row for row in score_rows(Scored(*scores), *asked)
            ]
    facts = {"sources": list(sources), "zero_threshold": section["zero_threshold"]}
    return records.as_table("recovery", rows, **facts)
