"""Statistics of the zero patterns: an entry for each job, which rules and audit share.

As with items, functions go by name: else every statistic would depend on what any of them uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dynsparse.study.layout import ANY, Case, Study


@dataclass(frozen=True)
class Statistic:
    """A job that reads zero patterns.

    Attributes:
        name: of its rule.
        counts: kind of table -> ``room.module:function``, which takes the patterns of one seed.
        compares: likewise, of functions that take those of all seeds.
        per_seed: a job for each seed; else one for each case, in which counts are merged.
    """

    name: str
    counts: Mapping[str, str]
    compares: Mapping[str, str] = field(default_factory=dict)
    per_seed: bool = True

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of its tables."""
        return (*self.counts, *self.compares)

    @property
    def modules(self) -> list[str]:
        """What the job runs, as modules of the library."""
        functions = [*self.counts.values(), *self.compares.values()]
        return sorted({"study.counting", *(name.partition(":")[0] for name in functions)})

    @property
    def job(self) -> dict[str, Any]:
        """What ``counting.count`` takes of it."""
        return {"counts": self.counts, "compares": self.compares, "per_seed": self.per_seed}

    @property
    def place(self) -> str:
        """Whose job it is, as a path with Snakemake's wildcards."""
        return "{environment}/{behaviour}" + ("/seed-{seed}" if self.per_seed else "")

    def outputs(self, study: Study, case: Case = ANY) -> dict[str, str]:
        """Where each kind of table is."""
        path = study.statistic if self.per_seed else study.merged
        return {kind: path(case, kind) for kind in self.kinds}


STATISTICS = {
    each.name: each
    for each in (
        Statistic("measure_steps", {"steps": "sparsity.steps:measure_steps"}),
        Statistic(
            "measure_durations",
            {
                "durations": "sparsity.durations:measure_durations",
                "strides": "sparsity.strides:measure_strides",
            },
        ),
        Statistic(
            "describe_patterns",
            {
                "occurrences": "sparsity.occurrences:count_occurrences",
                "exceptions": "sparsity.exceptions:find_exceptions",
                "events": "sparsity.events:measure_events",
            },
            {"information": "sparsity.information:measure_information"},
            per_seed=False,
        ),
    )
}
# What else is measured per seed, by jobs that read the data themselves.
MEASURED = (
    "elements",
    "sparsities",
    "verification",
    "verification_elements",
    "replay",
    "memory",
    "influence",
)
# Every kind of table that there is for a seed, and merged for a case.
PER_SEED = (
    *MEASURED,
    *(kind for each in STATISTICS.values() if each.per_seed for kind in each.counts),
)
