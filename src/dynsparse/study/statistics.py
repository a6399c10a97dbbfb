"""Statistics of a study, which rules and audit share: what is counted, and what is merged.

As with items, functions go by name, so that whoever plans or merges imports none of them.
"""

from collections.abc import Mapping

from dynsparse.study.layout import ANY, Case, Study

# Kind of table -> ``room.module:function`` that takes the zero patterns of one seed.
COUNTS: Mapping[str, str] = {
    "durations": "sparsity.durations:measure_durations",
    "strides": "sparsity.strides:measure_strides",
    "occurrences": "sparsity.occurrences:count_occurrences",
    "exceptions": "sparsity.exceptions:find_exceptions",
    "events": "sparsity.events:measure_events",
}
# The same of functions that take those of all seeds.
COMPARES: Mapping[str, str] = {"information": "sparsity.information:measure_information"}
# The rule that merges, and the kinds of tables that one job measures per seed from the data.
MERGES: Mapping[str, tuple[str, ...]] = {
    "merge_patterns": ("elements", "sparsities", "steps"),
    "merge_verification": ("verification", "replay"),
    "merge_memory": ("memory",),
    "merge_influence": ("influence",),
}


def described(study: Study, case: Case = ANY) -> dict[str, str]:
    """Where each kind of table is that is counted of a case's patterns."""
    return {kind: study.merged(case, kind) for kind in (*COUNTS, *COMPARES)}


def describing() -> list[str]:
    """What counts them, as modules of the library."""
    functions = (*COUNTS.values(), *COMPARES.values())
    return sorted({"study.counting", *(name.partition(":")[0] for name in functions)})
