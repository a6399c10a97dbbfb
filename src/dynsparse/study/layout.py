"""Where a study's files are; rules, audit and users ask here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dynsparse.configuration import BEHAVIOURS, EXPERTS, experts_folder
from dynsparse.suite import dataset_name

# The statistics of all cases by which the paper's claims are judged.
JUDGED = ("elements", "sparsities", "steps", "strides", "occurrences", "exceptions")
# The merged statistics that can be shipped, and what is left out of each: rewards of all steps are
# too large. Those of verification are not among them.
SHIPPED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((*JUDGED, "durations", "events", "information", "embedding", "frames"), ()),
    "steps": ("reward", "time_s"),
}
# ``statistics`` of a study that computes them.
COMPUTED = "computed"
# Behind ``expert`` and ``half`` stand the two checkpoints of one training.
POLICY_FILES = {"expert": "policy.safetensors", "half": "half.safetensors"}


class Case(NamedTuple):
    """An environment as it is called in paths (``dataset_name``), and the policy in it."""

    environment: str
    behaviour: str


# Paths of these are patterns, with Snakemake's wildcards in them.
ANY = Case("{environment}", "{behaviour}")
ANY_SEED = "{seed}"


@dataclass(frozen=True)
class Study:
    """A study's files, by its configuration; none of them has to be there.

    Attributes:
        config: the study's configuration, every key of it.
        folder: of the study; paths of its files begin with it.
        project: where the project's own files are (published numbers, shipped policies and
            statistics).
        home: where relative paths of the configuration start.
    """

    config: Mapping[str, Any]
    folder: str
    project: str = ""
    home: str = ""

    @property
    def cases(self) -> list[Case]:
        """Every environment and behaviour, in the order of the configuration."""
        environments = self.config["environments"].items()
        return [
            Case(dataset_name(name), kind)
            for name, choices in environments
            for kind in choices["behaviours"]
        ]

    @property
    def names(self) -> dict[str, str]:
        """The name of each environment in the configuration, by that in paths and tables."""
        return {dataset_name(name): name for name in self.config["environments"]}

    @property
    def shipped(self) -> str:
        """The folder with the statistics that were shipped to it; nothing if it computes them."""
        # Configurations in older manifests have no such key.
        name = self.config.get("statistics", COMPUTED)
        if name == COMPUTED:
            return ""
        own = Path(self.home, name)
        return str(own if own.is_dir() else Path(self.project, name))

    def has(self, kind: str, columns: Iterable[str] = ()) -> bool:
        """Whether there is such a merged statistic, with these columns."""
        return not self.shipped or (kind in SHIPPED and not {*columns} & {*SHIPPED[kind]})

    @property
    def learned(self) -> list[Case]:
        """The cases that networks learn; shipped statistics are none to learn from."""
        names = [] if self.shipped else self.config["learning"]["environments"]
        tested = self.elsewhere
        mine = [case for case in self.cases if case.environment in names]
        return [case for case in mine if case.behaviour not in tested]

    @property
    def elsewhere(self) -> list[str]:
        """The behaviours that are not learned: networks that learn another are tested on them."""
        kinds = self.config["learning"].get("splits", ())
        return [kind for kind in kinds if kind in BEHAVIOURS]

    def beside(self, ablation: str) -> "Study":
        """The study that differs from this one in an ablation; its folder is beside this one's."""
        name = f"{self.config['study']}-{ablation}"
        folder = f"{self.folder}-{ablation}"
        return Study({**self.config, "study": name}, folder, self.project, self.home)

    def ablation(self, name: str) -> str:
        """The mark that an ablation was made."""
        return f"{self.folder}/ablations/{name}"

    def data(self, case: Case, seed: int | str = ANY_SEED) -> str:
        """Rollouts and Jacobians."""
        return f"{self.folder}/data/{case.environment}/{case.behaviour}/seed-{seed}.h5"

    def statistic(self, case: Case, kind: str, seed: int | str = ANY_SEED) -> str:
        """A statistic of one seed."""
        folder = f"{self.folder}/statistics/{case.environment}/{case.behaviour}"
        return f"{folder}/seed-{seed}/{kind}.parquet"

    def merged(self, case: Case, kind: str) -> str:
        """A statistic of all seeds."""
        folder = f"{self.shipped or self.folder}/merged"
        return f"{folder}/{case.environment}/{case.behaviour}/{kind}.parquet"

    def judged(self) -> list[str]:
        """The statistics by which the paper's claims are judged."""
        return [self.merged(case, kind) for kind in JUDGED for case in self.cases]

    def structure(self) -> str:
        """What is structural in the environments' models."""
        return f"{self.shipped or self.folder}/structure.parquet"

    def shipping(self) -> list[str]:
        """All statistics that can be shipped."""
        return [self.structure()] + [
            self.merged(case, kind) for case in self.cases for kind in SHIPPED
        ]

    def learning(self, case: Case, name: str) -> str:
        """A file of the learning experiments."""
        return f"{self.folder}/learning/{case.environment}/{case.behaviour}/{name}"

    def trainings(self, kind: str) -> list[str]:
        """The tables of one kind, of all learners in order, then of what is no network."""
        learners = [*self.config["learning"]["learners"], "controls"]
        return [
            self.learning(case, f"{learner}/{kind}.parquet")
            for case in self.learned
            for learner in learners
        ]

    def expert(self, environment: str, seed: int | str = ANY_SEED) -> str:
        """The folder of an expert, be it shipped, trained by the study, or the user's own."""
        kind, place = self.config["policies"]["expert"], f"{environment}/seed-{seed}"
        shipped = Path(self.project, "resources/experts", place)
        if kind == "shipped" or (kind == "shipped_or_trained" and shipped.is_dir()):
            return str(shipped)
        if kind in EXPERTS:
            return f"{self.folder}/experts/{place}"
        folder = experts_folder(self.config).format(environment=environment, seed=seed)
        return str(Path(self.home, folder))

    def curves(self) -> list[str]:
        """How the study's experts were trained.

        The user's own policies may have no such file, and shipped statistics need no policy.
        """
        if self.shipped:
            return []
        paths = [
            f"{self.expert(case.environment, seed)}/curve.parquet"
            for case in self.cases
            if case.behaviour == "expert"
            for seed in self.config["seeds"]
        ]
        own = self.config["policies"]["expert"] not in EXPERTS
        return [path for path in paths if not own or Path(path).is_file()]

    def published(self, name: str) -> str:
        """A file of published numbers."""
        return str(Path(self.project, "resources/paper", name))
