"""True: do the tables obey the data? Recomputed, and compared value by value."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dynsparse.audit.findings import Check, examine
from dynsparse.audit.manifest import Manifest
from dynsparse.audit.recipes import (
    COUNTED,
    SUMMARISED,
    Workshop,
    items_of,
    jobs_of,
    without_recipe,
)
from dynsparse.errors import DynsparseError
from dynsparse.storage.tables import metadata_of


def table_truth(
    folder: Path, manifest: Manifest, workshop: Workshop, jobs: int, seed: int
) -> list[Check]:
    """Tables against what they were computed from.

    Tables over all seeds are all recomputed; of the jobs that count in the data of one seed, a
    seeded sample. A statistic that no recipe makes is a failure.

    Args:
        folder: of the study.
        manifest: of the study.
        workshop: where to recompute.
        jobs: how many jobs that count in the data of one seed.
        seed: of the sample.
    """
    rng = np.random.default_rng(seed)
    known = jobs_of(manifest)
    counted, merged = (
        sorted({known[path] for path, a in manifest.artefacts.items() if a.rule in rules})
        for rules in (COUNTED, SUMMARISED)
    )
    drawn = sorted(rng.choice(len(counted), min(jobs, len(counted)), replace=False))
    sample = [path for number in drawn for path in counted[number]]
    tables = sorted(known[path] for path in items_of(manifest) if path.endswith(".parquet"))
    all_tables = [path for job in (*merged, *tables) for path in job]
    all_tables += without_recipe(manifest)
    remark = f"a seeded sample, {len(drawn)} of {len(counted)} jobs"
    asked = "" if jobs else "no job was asked for"
    return [
        _recomputed("Tables recomputed from statistics", folder, workshop, all_tables, ()),
        _recomputed("Statistics recomputed from data", folder, workshop, sample, (remark,), asked),
    ]


def _recomputed(
    name: str,
    folder: Path,
    workshop: Workshop,
    paths: Sequence[str],
    remarks: tuple[str, ...],
    skipped: str = "",
) -> Check:
    workshop.prepare(paths)

    def look(path: str) -> str | None:
        compare = _cells if path.endswith(".parquet") else _bytes
        return compare(folder / path, workshop.again(path))

    count, failures = examine(paths, look)
    return Check("true", name, count, failures, remarks, skipped)


def _cells(path: Path, again: Path) -> str | None:
    """The first cell in which two tables differ."""
    try:
        found = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        raise DynsparseError(f"cannot be read: {' '.join(str(error).split())}") from error
    expected = pq.ParquetFile(again).read()
    if found.schema.names != expected.schema.names or len(found) != len(expected):
        return f"has {found.shape} rows and columns, recomputed {expected.shape}"
    for name in expected.schema.names:
        if found[name].equals(expected[name]):
            continue
        pairs = zip(found[name].to_pylist(), expected[name].to_pylist(), strict=True)
        for row, (here, there) in enumerate(pairs):
            if repr(here) != repr(there):  # nan is like nan
                return f"row {row + 1}, column {name}: has {here}, recomputed {there}"
    # Beside what a table says of itself, its metadata hold a seal of its bytes.
    same = found.schema.equals(expected.schema) and metadata_of(found) == metadata_of(expected)
    return None if same else "has other metadata or types than recomputed"


def _bytes(path: Path, again: Path) -> str | None:
    """Whether two files are the same, byte for byte."""
    same = path.is_file() and path.read_bytes() == again.read_bytes()
    return None if same else "is not what its table gives when recomputed"
