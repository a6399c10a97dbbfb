"""What a figure or table is made of: an entry of the registry, and how it says what it reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dynsparse.study.layout import ANY, Case, Study

Config = Mapping[str, Any]
Setting = Callable[[Config], Any]


@dataclass(frozen=True)
class Read:
    """Files of a study, and how they are read.

    Attributes:
        words: what they are, for people.
        files: their paths, of one case where an item is made per case.
        reader: ``room.module:function``, which takes the paths.
        more: what the reader takes beside them.
        one: it is one file, of which the reader takes the path.
        needed: a study without such files does not have what reads them.
    """

    words: str
    files: Callable[[Study, Case], list[str]]
    reader: str
    more: Callable[[Study], Sequence[Any]]
    one: bool = False
    needed: bool = True


def _read(words: str, files: Callable[[Study], list[str]], reader: str, *more: Any) -> Read:
    """Files that are the same for all cases."""
    return Read(words, lambda study, _: files(study), reader, lambda _: more)


def merged(kind: str, *columns: str) -> Read:
    """A statistic of all seeds, a table for each case; ``columns`` may be missing if shipped."""

    def files(study: Study) -> list[str]:
        return [study.merged(case, kind) for case in study.cases if study.has(kind, columns)]

    return _read(kind, files, "study.reading:tables", kind)


def of_case(kind: str, *columns: str) -> Read:
    """A statistic of all seeds, of one case; ``columns`` as ``merged`` takes them."""

    def files(study: Study, case: Case) -> list[str]:
        return [study.merged(case, kind)] if study.has(kind, columns) else []

    return Read(kind, files, "study.reading:table", lambda _: (kind,), one=True)


def trained(kind: str) -> Read:
    """The tables of one kind of all trainings, as one."""
    words = f"{kind} of trained networks"
    return _read(
        words, lambda study: study.trainings(kind), "study.reading:joined", f"learning_{kind}"
    )


def searched(run: str) -> Read:
    """A search for hyper-parameters, of all cases that are learned."""

    def files(study: Study) -> list[str]:
        asked = run in study.config["learning"]["search"]["runs"]
        return [study.learning(case, f"search/{run}.parquet") for case in study.learned if asked]

    return _read(f"search {run}", files, "study.reading:joined", "learning_search")


def structure() -> Read:
    """What is structural in the environments' models."""
    return Read(
        "structure",
        lambda study, _: [study.structure()],
        "study.reading:table",
        lambda _: ("structure",),
        one=True,
    )


def curves() -> Read:
    """How the experts were trained."""
    words = "learning curves of experts"
    return _read(words, Study.curves, "study.reading:joined", "training_curve")


def paper(name: str, *columns: str, reader: str = "tables.published:read_published") -> Read:
    """The paper's numbers in a file of ``resources/paper``, from these columns."""
    more = (list(columns),) if columns else ()
    words = f"published {name}"
    return Read(words, lambda study, _: [study.published(name)], reader, lambda _: more, one=True)


def judged() -> Read:
    """All statistics by which claims are judged."""
    return _read("statistics that are judged", Study.judged, "tables.cases:read_cases")


def ablated(reader: str) -> Read:
    """Studies beside this one, which differ from it in an ablation each.

    Snakemake knows them by their marks alone; the reader takes their folders, and the cases.
    """

    def marks(study: Study, _: Case) -> list[str]:
        return [study.ablation(name) for name in study.config["robustness"]["ablations"]]

    def folders(study: Study) -> tuple[dict[str, str], list[list[str]]]:
        names = study.config["robustness"]["ablations"]
        found = {name: f"{study.beside(name).folder}/merged" for name in names}
        return found, [list(case) for case in study.cases]

    return Read("ablations", marks, reader, folders, needed=False)


def always(study: Study) -> bool:
    """The item is made in every study that has what it reads."""
    return True


def learned(study: Study) -> bool:
    """The item is made where networks learn."""
    return bool(study.learned)


@dataclass(frozen=True)
class Item:
    """A figure or table of a study.

    Attributes:
        name: of its files, and of the target that makes it.
        title: what the report calls it.
        section: where in the report it stands.
        reads: argument of its function -> what it is read from.
        settings: its function's other arguments, from the configuration.
        per_case: one for each environment and behaviour.
        made: whether a study has it, if it has what the item reads.
        asked: made only if it is asked for, not with all others.
        function: ``room.module:function``; by default all three go by the item's name.
        caption: of a file in ``workflow/report``; by default the item's name.
        alias: the target that makes it, if not the item's name.
        group: a folder for its files within that of its room, and the report's subsection.
    """

    name: str
    title: str
    section: str
    reads: Mapping[str, Read]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    per_case: bool = False
    made: Callable[[Study], bool] = always
    asked: bool = False
    function: str = ""
    caption: str = ""
    group: str = ""
    alias: str = ""

    room: ClassVar[str]
    # The first of the formats is what others depend on; one of them is in the report.
    formats: ClassVar[tuple[str, ...]]
    shown: ClassVar[str]
    writer: ClassVar[str]

    @property
    def source(self) -> str:
        """The function that makes it."""
        return self.function or f"{self.room}.{self.name}:{self.name}"

    @property
    def target(self) -> str:
        """What makes it, or all of it where it is made per case."""
        return self.alias or self.name

    @property
    def rule(self) -> str:
        """The rule that makes it; where it is made per case, ``target`` asks for all."""
        return f"draw_{self.name}" if self.per_case else self.target

    @property
    def modules(self) -> list[str]:
        """The modules whose edit makes it anew."""
        readers = [read.reader for read in self.reads.values()]
        sources = (self.source, self.writer, *readers)
        return sorted({"study.making", *(source.partition(":")[0] for source in sources)})

    def outputs(self, study: Study, case: Case = ANY) -> dict[str, str]:
        """Its files, by format."""
        parts = [study.folder, self.room, self.group, self.name]
        parts += [f"{case.environment}-{case.behaviour}"] if self.per_case else []
        stem = "/".join(part for part in parts if part)
        return {kind: f"{stem}.{kind}" for kind in self.formats}

    def log(self, study: Study) -> str:
        """The log of its job."""
        return f"{study.folder}/logs/{self.name}" + (
            f"/{ANY.environment}-{ANY.behaviour}.log" if self.per_case else ".log"
        )

    def inputs(self, study: Study, case: Case = ANY) -> dict[str, list[str]]:
        """What each argument is read from."""
        return {name: read.files(study, case) for name, read in self.reads.items()}

    def called(self, study: Study) -> dict[str, list[Any]]:
        """How each argument is read (``making.Reads``)."""
        return {
            name: [read.reader, read.one, list(read.more(study))]
            for name, read in self.reads.items()
        }

    def given(self, config: Config) -> dict[str, Any]:
        """Its function's other arguments."""
        return {name: setting(config) for name, setting in self.settings.items()}

    def offered(self, study: Study) -> bool:
        """Whether a study can make it."""
        needed = (read for read in self.reads.values() if read.needed)
        # Ablations are studies of their own, and not shipped.
        there = self.alone(study) or not study.shipped
        return self.made(study) and there and all(read.files(study, ANY) for read in needed)

    def alone(self, study: Study) -> bool:
        """Whether it reads this study's files alone, and none of its ablations'."""
        others = (read for read in self.reads.values() if not read.needed)
        return not any(read.files(study, ANY) for read in others)

    def wanted(self, study: Study) -> list[str]:
        """For each of its files or groups of files, the one that others depend on."""
        cases = study.cases if self.per_case else [ANY]
        return [self.outputs(study, case)[self.formats[0]] for case in cases]


class Figure(Item):
    """An item that is drawn."""

    room, formats, shown = "figures", ("svg", "png"), "svg"
    writer = "figures.style:save_figure"


class Table(Item):
    """An item of numbers."""

    room, formats, shown = "tables", ("parquet", "csv", "md"), "csv"
    writer = "tables.writing:write_item"
