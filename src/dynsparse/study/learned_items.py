"""The figures and tables of what networks learn; ``items`` has all others."""

from collections.abc import Iterable
from typing import Any

from dynsparse.learning import learners
from dynsparse.study.item import (
    Config,
    Figure,
    Item,
    Setting,
    Table,
    learned,
    paper,
    searched,
    trained,
)
from dynsparse.study.layout import Study

Q4 = "Q4 Learning"
# The paper's tables of mean ranks, by the search run behind each.
RANKS = {"run_1": ("3", "4", "5", "6"), "run_2": ("9", "10", "11"), "run_3": ("13",)}


def network_zero(config: Config) -> float:
    """What counts as zero in a network's Jacobians."""
    return float(config["learning"]["threshold"])


def first_split(config: Config) -> str:
    """The kind of split that figures show."""
    return str(next(iter(config["learning"]["splits"])))


def open_loop_split(config: Config) -> str:
    """The first kind of split that keeps whole episodes for the test."""
    return next((kind for kind in config["learning"]["splits"] if kind != "sample"), "episode")


def plain(config: Config) -> list[str]:
    """The learners that go by the paper's labels."""
    return learners.plain(config["learning"])


def reference(config: Config) -> str:
    """The learner that others are held against."""
    return learners.reference(config["learning"])


def twins(config: Config) -> list[list[str]]:
    """The learners that are one network before they are trained."""
    return learners.twins(config["learning"])


def told(config: Config) -> dict[str, str]:
    """What each learner knows of the truth."""
    section = config["learning"]
    return {name: learners.told(section, name) for name in section["learners"]}


def of_architectures(study: Study) -> bool:
    """The study compares architectures."""
    return len({each["architecture"] for each in _learners(study)}) > 1


def of_masks(study: Study) -> bool:
    """The study compares masks."""
    return len({each["mask"] for each in _learners(study) if "mask" in each}) > 1


def of_wrong_edges(study: Study) -> bool:
    """The study has masks that are partly wrong."""
    return any(each.get("miss") or each.get("false_alarm") for each in _learners(study))


def _learners(study: Study) -> Iterable[dict[str, Any]]:
    return study.config["learning"]["learners"].values() if study.learned else ()


def learning(config: Config) -> dict[str, Any]:
    """How networks learn."""
    return dict(config["learning"])


def episodes(config: Config) -> int:
    """How many episodes an environment has, of all seeds."""
    return len(config["seeds"]) * int(config["collection"]["episodes"])


def fixed(value: str) -> Setting:
    """The same in every study."""
    return lambda _: value


# What items on single networks read.
NETWORKS = {kind: trained(kind) for kind in ("curves", "recovery", "rollout")}

LEARNED: list[Item] = [
    Figure(
        "figure_8",
        "Figure 8",
        Q4,
        reads={"curves": trained("curves"), "sparsity": trained("sparsity")},
        settings={
            "split": first_split,
            "threshold": network_zero,
            "plain": plain,
            "reference": reference,
        },
    ),
    Table(
        "table_8",
        "Numbers behind Figure 8",
        Q4,
        reads={"curves": trained("curves"), "sparsity": trained("sparsity")},
        settings={"threshold": network_zero, "reference": reference},
    ),
    Table(
        "table_8_pairs",
        "Networks against controls",
        Q4,
        reads={kind: trained(kind) for kind in ("curves", "sparsity", "recovery", "rollout")},
        settings={"reference": reference},
    ),
    Table(
        "table_recovery",
        "Recovery of the zeros",
        Q4,
        reads={"recovery": trained("recovery")},
        settings={"twins": twins},
    ),
    Figure(
        "figure_architectures",
        "Architectures: graph against error",
        Q4,
        reads={"curves": trained("curves"), "recovery": trained("recovery")},
        settings={"split": first_split, "plain": plain},
        made=of_architectures,
    ),
    Table(
        "table_architectures",
        "Architectures",
        Q4,
        reads=NETWORKS,
        settings={"told": told},
        made=of_architectures,
    ),
    Table(
        "table_recovery_matters",
        "Does recovery of the graph matter?",
        Q4,
        reads=NETWORKS,
        settings={"told": told},
        made=of_architectures,
    ),
    Figure(
        "figure_value",
        "What a graph is worth in samples",
        Q4,
        reads={"curves": trained("curves")},
        settings={"split": first_split, "section": learning},
        made=of_masks,
    ),
    Table(
        "table_value",
        "What a graph is worth",
        Q4,
        reads=NETWORKS,
        settings={"section": learning},
        made=of_masks,
    ),
    Figure(
        "figure_wrong_edges",
        "The price of a wrong edge",
        Q4,
        reads=NETWORKS,
        settings={"split": first_split, "section": learning},
        made=of_wrong_edges,
    ),
    Table(
        "table_interventions",
        "Errors where an input is moved",
        Q4,
        reads={kind: trained(kind) for kind in ("interventions", "curves")},
        settings={"told": told},
        asked=True,
    ),
    Figure(
        "figure_rollout",
        "Errors in open loop",
        Q4,
        reads={"rollout": trained("rollout")},
        settings={"split": open_loop_split, "plain": plain},
    ),
    Table(
        "table_rollout",
        "Errors in open loop, numbers",
        Q4,
        reads={"rollout": trained("rollout")},
    ),
    Figure(
        "figure_thresholds",
        "Thresholds of a network's zeros",
        Q4,
        reads={"sparsity": trained("sparsity")},
        settings={"split": first_split, "plain": plain},
    ),
    Figure("figure_depth", "Depth of the network", Q4, reads={"search": searched("depth")}),
    Figure(
        "figure_a2_1",
        "Figure A2.1",
        Q4,
        reads={"curves": trained("curves")},
        settings={"split": first_split, "plain": plain},
    ),
    Figure(
        "figure_a2_2",
        "Figure A2.2",
        Q4,
        reads={"sparsity": trained("sparsity")},
        settings={"split": first_split, "threshold": network_zero, "plain": plain},
    ),
    Table(
        "table_a2_1",
        "Table A2.1",
        Q4,
        reads={"published": paper("table_a2_1.csv", reader="tables.table_a2:read_setup")},
        settings={"section": learning, "episodes": episodes},
        made=learned,
        function="tables.table_a2:table_a2_1",
    ),
    *(
        Table(
            f"table_a2_{number}",
            f"Table A2.{number}",
            Q4,
            reads={
                "searches": searched(run),
                "published": paper("table_a2.csv", reader="tables.table_a2:read_ranks"),
            },
            settings={"number": fixed(number)},
            function="tables.table_a2:table_a2_ranks",
            caption="table_a2_ranks",
            group="hyperparameters",
            asked=True,
        )
        for run, numbers in RANKS.items()
        for number in numbers
    ),
]
