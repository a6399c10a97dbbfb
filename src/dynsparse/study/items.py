"""Every figure and table, in the order of the report.

Those of what networks learn are in ``learned_items``. To add one: a module with its function, an
entry in one of the two, a caption ``workflow/report/<name>.rst``, a test. Rules, audit, report and
docs/items.md follow. ``python -m dynsparse.study.items`` prints docs/items.md.
"""

from dynsparse.study.item import (
    Config,
    Figure,
    Item,
    Read,
    Table,
    ablated,
    curves,
    judged,
    merged,
    of_case,
    paper,
    structure,
)
from dynsparse.study.learned_items import LEARNED

ENVIRONMENTS = "Environments"
ATLAS = "Atlas"
Q1 = "Q1 Global sparsity"
Q2 = "Q2 State dependence"
Q3 = "Q3 Temporal sparsity"
ROBUSTNESS = "Robustness"
BEHAVIOUR = "Behaviour"
VERIFICATION = "Verification"

# Columns of the paper's tables.
TABLE_1 = ("state_zero_elements", "state_zero_percent", "action_zero_elements")
TABLE_A1_1 = ("mean_reward",)


def zero(config: Config) -> float:
    """What counts as zero in the simulator's Jacobians."""
    return float(config["sparsity"]["threshold"])


def published_table_1() -> Read:
    """The paper's Table 1."""
    return paper("table_1.csv", *TABLE_1)


def cells() -> dict[str, Read]:
    """Our elements beside the cells of the published Figure 3."""
    return {
        "elements": merged("elements"),
        "occurrences": merged("occurrences"),
        "published": paper("figure_3.csv", reader="tables.published:read_cells"),
    }


def all_of_an_environment() -> dict[str, Read]:
    """What the atlas is made of."""
    kinds = ("elements", "steps", "strides", "occurrences", "information")
    return {
        **{kind: merged(kind) for kind in kinds},
        "samples": merged("verification"),
        "replays": merged("replay"),
        "structure": structure(),
    }


ENTRIES: list[Item] = [
    Figure("figure_1", "Figure 1", ENVIRONMENTS, reads={"frames": merged("frames")}),
    Figure(
        "summary",
        "On one page",
        ENVIRONMENTS,
        reads={
            "elements": of_case("elements"),
            "steps": of_case("steps", "reward"),
            **{kind: of_case(kind) for kind in ("durations", "embedding", "frames")},
        },
        settings={"threshold": zero},
        per_case=True,
        alias="summaries",
    ),
    Table(
        "table_1",
        "Table 1",
        Q1,
        reads={"elements": merged("elements"), "published": published_table_1()},
        settings={"threshold": zero},
    ),
    Table(
        "table_1_seeds",
        "Table 1, seed by seed",
        Q1,
        reads={"elements": merged("elements"), "steps": merged("steps")},
        settings={"threshold": zero},
    ),
    Figure(
        "figure_3",
        "Figure 3",
        Q1,
        reads={"elements": of_case("elements")},
        settings={"threshold": zero},
        per_case=True,
    ),
    Table(
        "table_figure_3",
        "Figure 3, cell by cell",
        Q1,
        reads=cells(),
        settings={"threshold": zero},
    ),
    Table(
        "table_figure_3_groups",
        "Figure 3, by published number",
        Q1,
        reads=cells(),
        settings={"threshold": zero},
        function="tables.table_figure_3:table_figure_3_groups",
    ),
    Table(
        "table_structure",
        "Structural, observed and contingent zeros",
        Q1,
        reads={
            "elements": merged("elements"),
            "structure": structure(),
            "published": published_table_1(),
        },
        settings={"threshold": zero},
    ),
    Table(
        "table_zero_elements",
        "Elements that are (nearly) always zero",
        Q1,
        reads={
            "elements": merged("elements"),
            "exceptions": merged("exceptions"),
            "structure": structure(),
        },
        settings={"threshold": zero},
    ),
    Figure(
        "figure_4",
        "Figure 4",
        Q2,
        reads={"embedding": of_case("embedding"), "frames": of_case("frames")},
        per_case=True,
    ),
    Figure("figure_5", "Figure 5", Q2, reads={"steps": merged("steps")}),
    Table(
        "table_patterns",
        "Zero patterns and what contacts tell of them",
        Q2,
        reads={"occurrences": merged("occurrences"), "information": merged("information")},
    ),
    Table(
        "table_contacts",
        "Sparsity with and without each contact",
        Q2,
        reads={"occurrences": merged("occurrences")},
    ),
    Figure(
        "figure_a3_1",
        "Figure A3.1",
        Q2,
        reads={"elements": merged("elements")},
        settings={"threshold": zero},
    ),
    Figure(
        "figure_a3_2",
        "Figure A3.2",
        Q2,
        reads={"sparsities": merged("sparsities")},
        settings={"threshold": zero},
    ),
    Figure("figure_6", "Figure 6", Q3, reads={"steps": merged("steps")}),
    Figure("figure_7", "Figure 7", Q3, reads={"durations": merged("durations")}),
    Table(
        "table_durations",
        "Durations, with cut runs as censored",
        Q3,
        reads={"strides": merged("strides")},
    ),
    Table(
        "table_element_durations",
        "Durations, element by element",
        Q3,
        reads={"durations": merged("durations"), "occurrences": merged("occurrences")},
        function="tables.table_durations:table_element_durations",
    ),
    Figure(
        "figure_survival",
        "Durations, with cut runs as censored",
        Q3,
        reads={"durations": merged("durations")},
    ),
    Figure("figure_a3_3", "Figure A3.3", Q3, reads={"steps": merged("steps")}),
    Figure(
        "figure_contact_events", "Sparsity around contacts", Q3, reads={"events": merged("events")}
    ),
    *LEARNED,
    Table(
        "reproduction",
        "The paper's claims beside our numbers",
        ROBUSTNESS,
        reads={"study": judged(), "structure": structure(), "published": published_table_1()},
        settings={"threshold": zero},
    ),
    Table(
        "table_robustness",
        "Each claim with one thing varied",
        ROBUSTNESS,
        reads={
            "study": judged(),
            "ablations": ablated("tables.cases:read_ablations"),
            "published": published_table_1(),
        },
        settings={"threshold": zero},
    ),
    Table(
        "table_thresholds",
        "Zeros by threshold and precision",
        ROBUSTNESS,
        reads={
            "study": merged("elements"),
            "ablations": ablated("tables.cases:read_ablated_elements"),
        },
        settings={"threshold": zero},
    ),
    Table(
        "table_a1_1",
        "Table A1.1",
        BEHAVIOUR,
        reads={
            "steps": merged("steps", "reward"),
            "published": paper("table_a1_1.csv", *TABLE_A1_1),
        },
    ),
    Figure(
        "learning_curves",
        "Learning curves of the experts",
        BEHAVIOUR,
        reads={"curves": curves()},
        function="figures.learning_curve:learning_curve",
    ),
    Table(
        "verification",
        "Jacobians against finite differences",
        VERIFICATION,
        reads={"samples": merged("verification"), "replays": merged("replay")},
        function="tables.verification:verification_table",
    ),
    Figure(
        "figure_verification",
        "Errors of the Jacobians",
        VERIFICATION,
        reads={"samples": merged("verification")},
    ),
    Table(
        "table_memory",
        "What the solver's warm start changes",
        VERIFICATION,
        reads={"memory": merged("memory")},
    ),
    Table(
        "table_influence",
        "Zeros of the Jacobian, and inputs that are redrawn",
        VERIFICATION,
        reads={"influence": merged("influence")},
        asked=True,
    ),
    Table(
        "table_atlas",
        "Every environment in a row",
        ATLAS,
        reads=all_of_an_environment(),
        settings={"threshold": zero},
        asked=True,
    ),
    Figure(
        "figure_atlas",
        "Sparsity of every environment",
        ATLAS,
        reads=all_of_an_environment(),
        settings={"threshold": zero},
        asked=True,
    ),
]
ITEMS = {item.name: item for item in ENTRIES}


def listing() -> str:
    """docs/items.md: each item, where it is, and what it is made from."""
    rows = []
    for item in ENTRIES:
        files = "/".join(part for part in (item.room, item.group, item.name) if part)
        files += "/<environment>-<behaviour>" * item.per_case
        reads = ", ".join(read.words for read in item.reads.values())
        rows.append(
            f"| {item.title} | `{item.target}` | `{files}` ({' '.join(item.formats)}) |"
            f" {item.section} | {reads} | `{item.source}` |"
        )
    return HEAD + "\n".join(rows) + "\n"


HEAD = """# Items

Written by `python -m dynsparse.study.items` from the registry
([items.py](../src/dynsparse/study/items.py)); do not edit. Each item is a target:
`snakemake figure_5`. Files are in `results/<study>/`. A study has an item if it has what the item
reads. Tables of hyper-parameters are made only if asked for (`snakemake hyperparameters`).

| item | target | files | question | made from | by |
|---|---|---|---|---|---|
"""


if __name__ == "__main__":
    print(listing(), end="")
