"""One table out of the tables of several seeds."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.errors import DynsparseError
from dynsparse.storage.tables import metadata_of, with_metadata

COUNTS = {
    "elements": ("zeros", "samples"),
    "sparsities": ("samples",),
    "durations": ("count",),
    "strides": ("count",),
}


def merge_seeds(tables: Sequence[pa.Table]) -> pa.Table:
    """Concatenate the tables of several seeds of one environment and behaviour.

    Rows keep their seed and are ordered by it, so the order of the arguments does not matter,
    and merging what was merged before equals merging everything at once.

    Raises:
        DynsparseError: nothing to merge, a seed given twice, or tables that do not belong
            together (another kind, environment, behaviour, threshold, control step or columns),
            or do not say of which seeds they are.
    """
    if not tables:
        raise DynsparseError("nothing to merge: give at least one table")
    facts = [metadata_of(table) for table in tables]
    _check_same(facts)
    _check_rows(tables, facts)
    sources = sorted(source for each in facts for source in each["sources"])
    if len(set(sources)) < len(sources):
        twice = sorted({source for source in sources if sources.count(source) > 1})
        raise DynsparseError(f"given twice, would be counted twice: {', '.join(twice)}")
    by_seed = [part for table in tables for part in _split_by_seed(table)]
    by_seed.sort(key=lambda part: part["seed"][0].as_py())
    merged = pa.concat_tables(by_seed or [tables[0]]).combine_chunks()
    steps = sum(each["steps"] for each in facts)
    return with_metadata(merged, **{**_shared(facts[0]), "steps": steps, "sources": sources})


def total_over_seeds(table: pa.Table) -> pa.Table:
    """Sum the counts of a merged table over its seeds; the column ``seed`` goes away.

    Raises:
        DynsparseError: a kind of table whose rows are not counts.
    """
    facts = metadata_of(table)
    counts = COUNTS.get(facts["kind"])
    if counts is None:
        raise DynsparseError(f"a {facts['kind']!r} table has no counts to sum over seeds")
    keys = [name for name in table.column_names if name not in (*counts, "seed")]
    grouped = table.group_by(keys).aggregate([(name, "sum") for name in counts])
    grouped = grouped.rename_columns([name.removesuffix("_sum") for name in grouped.column_names])
    ordered = grouped.select([*keys, *counts]).sort_by([(key, "ascending") for key in keys])
    return with_metadata(ordered, **_without_version(facts))


def at_threshold(elements: pa.Table, threshold: float) -> pa.Table:
    """The rows of an ``elements`` or ``sparsities`` table that were counted at a threshold.

    Raises:
        DynsparseError: the threshold was not counted.
    """
    facts = metadata_of(elements)
    if threshold not in facts["threshold"]:
        raise DynsparseError(
            f"threshold {threshold:g} was not counted for {facts['sources'][0]};"
            f" counted were {', '.join(f'{value:g}' for value in facts['threshold'])}"
        )
    return elements.filter(pc.equal(elements["threshold"], threshold))


def _shared(facts: dict[str, Any]) -> dict[str, Any]:
    """What tables have to have in common, beginning with their kind."""
    own = ("kind", "steps", "sources", "schema_version")
    return {"kind": facts["kind"], **{key: facts[key] for key in facts if key not in own}}


def _without_version(facts: dict[str, Any]) -> dict[str, Any]:
    """Metadata as ``with_metadata`` takes it."""
    return {key: value for key, value in facts.items() if key != "schema_version"}


def _check_same(facts: Sequence[dict[str, Any]]) -> None:
    for each in facts:
        if not (each.get("kind") and each.get("sources") and "steps" in each):
            raise DynsparseError(
                f"a {each.get('kind')!r} table does not say what it was measured of"
            )
    for key in _shared(facts[0]):
        values = {str(each.get(key)) for each in facts}
        if len(values) > 1:
            raise DynsparseError(f"cannot merge tables of different {key}: {sorted(values)}")
    origins = {source.rpartition("/")[0] for each in facts for source in each["sources"]}
    if len(origins) > 1:
        raise DynsparseError(f"cannot merge different datasets: {', '.join(sorted(origins))}")


def _check_rows(tables: Sequence[pa.Table], facts: Sequence[dict[str, Any]]) -> None:
    """Columns are alike, and rows are of the seeds that the table says it was measured of."""
    kind, first = facts[0]["kind"], tables[0].schema
    if "seed" not in first.names or not all(first.equals(table.schema) for table in tables):
        raise DynsparseError(f"cannot merge {kind!r} tables of different columns, or without seeds")
    for table, each in zip(tables, facts, strict=True):
        said = {source.rpartition("/")[2] for source in each["sources"]}
        seeds = pc.unique(table["seed"].drop_null()).to_pylist()
        strange = {f"seed-{seed}" for seed in seeds} - said
        if table["seed"].null_count:
            strange.add("no seed")
        if strange:
            raise DynsparseError(
                f"a {kind!r} table says that it is of {', '.join(sorted(said))}, and has"
                f" rows of {', '.join(sorted(strange))}"
            )


def _split_by_seed(table: pa.Table) -> list[pa.Table]:
    seeds = sorted(pc.unique(table["seed"]).to_pylist())
    if len(seeds) < 2:
        return [table] if seeds else []
    return [table.filter(pc.equal(table["seed"], seed)) for seed in seeds]
