"""Does each claim stand under another threshold, seed, sample size, precision or method?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.merging import at_threshold
from dynsparse.storage.tables import metadata_of
from dynsparse.tables.claims import CLAIMS, evaluate
from dynsparse.tables.measures import Case, Finding
from dynsparse.tables.writing import item

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("section", pa.string()),
        ("claim", pa.string()),
        ("varied", pa.string()),
        ("setting", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("by_seed", pa.string()),
        ("stands", pa.string()),
        ("as_in_study", pa.bool_()),
    ]
)
STUDY = "nothing"
SAMPLE_SIZES = (10**3, 10**4, 10**5, 10**6)


class Statistics(NamedTuple):
    """The merged tables of one environment and behaviour that claims are judged by."""

    elements: pa.Table
    sparsities: pa.Table
    steps: pa.Table
    strides: pa.Table
    occurrences: pa.Table
    exceptions: pa.Table


def table_robustness(
    study: Sequence[Statistics],
    ablations: Mapping[str, Sequence[Statistics]],
    published: Mapping[str, Mapping[str, float]],
    threshold: float,
) -> pa.Table:
    """Every claim, judged again with one thing varied at a time.

    Args:
        study: the cases of the study.
        ablations: the same cases in studies that differ in precision, solver or method.
        published: the paper's Table 1 by environment.
        threshold: the study's threshold.

    Returns:
        ``SCHEMA``: varied are the ``threshold`` (only claims that count zeros per element or per
        sample: the rest is measured at the study's alone), the ``seeds`` (each left out once),
        the number of ``samples`` (the first ones of all seeds alike; only what counts
        always-zero elements can be judged), and ``ablation``. Behaviours have rows of their own.
        ``as_in_study`` says whether the verdict is that of the study itself (varied: ``nothing``).
    """
    rows = [row for case in study for row in _case_rows(case, published, threshold)]
    base = {_key(row): row["stands"] for row in rows if row["varied"] == STUDY}
    for name, cases in ablations.items():
        for case in cases:
            paper = published.get(_name(case)[0], {})
            findings = evaluate(judged(case, threshold), paper)
            rows += _rows(case, "ablation", name, findings)
    for row in rows:
        before = base.get(_key(row))
        row["as_in_study"] = None if before is None else row["stands"] == before
    everything = [*study, *(case for cases in ablations.values() for case in cases)]
    return item(rows, SCHEMA, "table_robustness", [case.elements for case in everything])


def judged(case: Statistics, threshold: float) -> Case:
    """What the claims look at, at the study's own threshold."""
    return Case(*_counts(case, threshold), case.steps, case.strides, case.occurrences)


def _counts(case: Statistics, threshold: float) -> tuple[pa.Table, pa.Table]:
    return at_threshold(case.elements, threshold), at_threshold(case.sparsities, threshold)


def _case_rows(
    case: Statistics, published: Mapping[str, Mapping[str, float]], threshold: float
) -> Iterator[dict[str, Any]]:
    paper = published.get(_name(case)[0], {})
    whole = judged(case, threshold)
    yield from _rows(case, STUDY, "", evaluate(whole, paper))
    for level in metadata_of(case.elements)["threshold"]:
        if level != threshold:
            findings = evaluate(Case(*_counts(case, level)), paper)
            yield from _rows(case, "threshold", f"{level:g}", findings)
    seeds = sorted(pc.unique(case.steps["seed"]).to_pylist())
    for seed in seeds if len(seeds) > 1 else []:
        kept = (table.filter(pc.not_equal(table["seed"], seed)) for table in case)
        left = judged(Statistics(*kept), threshold)
        yield from _rows(case, "seeds", f"without {seed}", evaluate(left, paper))
    for size in SAMPLE_SIZES:
        if size <= pc.sum(case.steps["jacobian_ok"]).as_py():
            findings = evaluate(_first(case, whole, size // len(seeds)), paper)
            counted = {name: findings[name] for name in _COUNTED if name in findings}
            yield from _rows(case, "samples", f"{size}", counted)


# Claims that need only the elements that are zero in every sample.
_COUNTED = ("zero elements", "few are always zero", "no action is without effect")


def _first(case: Statistics, whole: Case, samples: int) -> Case:
    """The elements as the first samples of each seed show them: always zero, or not."""
    early = case.exceptions.filter(pc.less(case.exceptions["sample"], samples))
    keys = ("seed", "jacobian", "row", "column")
    nonzero = set(zip(*(early[key].to_pylist() for key in keys), strict=True))
    elements = zip(*(whole.elements[key].to_pylist() for key in keys), strict=True)
    zeros = [0 if element in nonzero else samples for element in elements]
    counted = whole.elements.drop_columns(["zeros", "samples"])
    counted = counted.append_column("zeros", pa.array(zeros, pa.int64()))
    size = pa.array([samples] * counted.num_rows, pa.int64())
    return Case(counted.append_column("samples", size), whole.sparsities)


def _rows(
    case: Statistics, varied: str, setting: str, findings: Mapping[str, Finding]
) -> list[dict[str, Any]]:
    environment, behaviour = _name(case)
    return [
        {
            "environment": environment,
            "behaviour": behaviour,
            "section": claim.section,
            "claim": claim.name,
            "varied": varied,
            "setting": setting,
            **findings[claim.name]._asdict(),
        }
        for claim in CLAIMS
        if claim.name in findings
    ]


def _name(case: Statistics) -> tuple[str, str]:
    return case.elements["environment"][0].as_py(), case.elements["behaviour"][0].as_py()


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["environment"], row["behaviour"], row["claim"]
