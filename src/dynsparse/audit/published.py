"""Against the paper: each published number beside ours."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dynsparse.audit.findings import Check, Failure, Number
from dynsparse.audit.manifest import Manifest
from dynsparse.audit.recipes import project_file
from dynsparse.errors import DynsparseError

# Columns that say what a published number is about.
KEYS = ("environment", "row", "column")
PREFIX, FOLDER = "paper_", "resources/paper/"
# Our columns where they are not named like the paper's.
OURS = {"mean_reward": "mean_return_per_1000_steps"}
# In tables with one quantity per row: the columns that hold its name, and ours.
PER_ROW = (("setting", "value"), ("claim", "ours"))
# The paper's policies are all trained ones.
COMPARABLE = "expert"

Row = Mapping[str, Any]


def published(folder: Path, manifest: Manifest) -> tuple[Check, tuple[Number, ...]]:
    """Every published number of the study's environments beside ours.

    That ours differs is no failure: policies and amounts of data differ. That a published number
    was altered, or has no row, is one.
    """
    numbers: list[Number] = []
    failures: list[Failure] = []
    for path in _tables(manifest):
        try:
            rows = pq.ParquetFile(folder / path).read().to_pylist()
            failures += [Failure(path, text) for text in _altered(manifest, path, rows)]
        except (OSError, pa.ArrowException, DynsparseError) as error:
            failures.append(Failure(path, f"cannot be compared: {' '.join(str(error).split())}"))
            continue
        numbers += [number for row in rows for number in numbers_of(Path(path).stem, row)]
    comparable = [number for number in numbers if number.comparable]
    equal = sum(_equal(number) for number in comparable)
    others = len(numbers) - len(comparable)
    remark = (
        f"{equal} of {len(comparable)} equal the paper's to its digits; {others} more are of"
        f" another behaviour than {COMPARABLE}, hence not to be compared"
    )
    name = "Published numbers beside ours"
    skipped = "" if numbers else "the paper has no number of this study's environments"
    check = Check("published", name, len(numbers), tuple(failures), (remark,), skipped)
    return check, tuple(numbers)


def _equal(number: Number) -> bool:
    """Whether ours is the paper's to the digits that it prints."""
    if isinstance(number.ours, str) or isinstance(number.paper, str) or number.ours is None:
        return number.ours == number.paper
    digits = len(f"{number.paper:g}".partition(".")[2])
    return round(number.ours, digits) == number.paper


def _tables(manifest: Manifest) -> list[str]:
    """Tables that read published numbers."""
    return [
        path
        for path, artefact in manifest.artefacts.items()
        if path.endswith(".parquet") and _files(artefact.sources)
    ]


def _files(sources: tuple[str, ...]) -> list[str]:
    return [name for name in sources if name.startswith(FOLDER) and name.endswith(".csv")]


def _altered(manifest: Manifest, path: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Published numbers that a table lacks, or has otherwise than the project's file."""
    for name in _files(manifest.artefacts[path].sources):
        published = _read(project_file(manifest, name))
        for paper in (row for row in published if "environment" in row):
            about = {key: value for key, value in paper.items() if key in KEYS}
            # A table that does not tell rows and columns apart sums them up.
            if rows and not about.keys() <= rows[0].keys():
                continue
            own = [row for row in rows if _about(row, about)]
            if not own and paper["environment"] in manifest.config["environments"]:
                yield f"has no row for {paper['environment']}, which {name} has"
            for quantity, value in ((k, float(v)) for k, v in paper.items() if k not in KEYS):
                wrong = [r for r in own if r.get(PREFIX + quantity, value) != value]
                if wrong:
                    yield (
                        f"{paper['environment']}: {PREFIX}{quantity} is"
                        f" {wrong[0][PREFIX + quantity]}, published {value}"
                    )


def _about(row: Row, about: Mapping[str, str]) -> bool:
    return all(str(row.get(key)) == value for key, value in about.items())


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def numbers_of(item: str, row: Row) -> Iterator[Number]:
    """The published numbers in a row of a table, each beside ours."""
    environment, behaviour = str(row.get("environment", "")), str(row.get("behaviour", ""))
    where = item, environment, behaviour
    comparable = behaviour in ("", COMPARABLE)
    for column, paper in row.items():
        quantity = column.removeprefix(PREFIX)
        if quantity != column and paper is not None:
            yield Number(*where, quantity, paper, row.get(OURS.get(quantity, quantity)), comparable)
    # Some tables have one quantity per row.
    for quantity, ours in PER_ROW:
        if row.get("paper") is not None and quantity in row:
            yield Number(*where, str(row[quantity]), row["paper"], row[ours], comparable)
