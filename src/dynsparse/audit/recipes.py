"""How artefacts are made again without Snakemake: items and statistics by their entries."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dynsparse.audit.manifest import Manifest
from dynsparse.dataset import open_dataset
from dynsparse.errors import DynsparseError
from dynsparse.project import project_folder
from dynsparse.running.console import progress
from dynsparse.storage.files import sha256
from dynsparse.storage.tables import write_table
from dynsparse.study.counting import count
from dynsparse.study.item import Item
from dynsparse.study.items import ITEMS
from dynsparse.study.layout import ANY, Case, Study
from dynsparse.study.making import make_apart
from dynsparse.study.merging import merge
from dynsparse.study.statistics import COMPARES, COUNTS, MERGES
from dynsparse.suite import dataset_name

PROJECT = project_folder()
# The kinds of file that a recipe names all its files after.
MAIN = (".parquet", ".svg")
# Items that are made again at a time.
AT_ONCE = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Job:
    """What a recipe gets.

    Attributes:
        config: the study's configuration.
        inputs: the artefacts to read, in the order of the configuration.
        output: where to write; files made with it go beside it.
    """

    config: Mapping[str, Any]
    inputs: tuple[Path, ...]
    output: Path

    def beside(self, kinds: Iterable[str]) -> dict[str, Path]:
        """Where tables of these kinds are written."""
        return {kind: self.output.parent / f"{kind}.parquet" for kind in kinds}


Recipe = Callable[[Job], None]


class Workshop:
    """A temporary folder in which a study's artefacts are made again, each job once."""

    def __init__(self, folder: Path, manifest: Manifest, temporary: Path) -> None:
        """Use ``temporary`` for the study in ``folder``."""
        self._folder = folder
        self._manifest = manifest
        self._temporary = temporary
        self._jobs = jobs_of(manifest)
        self._refused: dict[str, str] = {}
        self._made: set[str] = set()

    def prepare(self, paths: Iterable[str]) -> None:
        """Make the jobs of some artefacts again, several at a time."""
        jobs = sorted({self._jobs[path] for path in paths})
        with (
            ThreadPoolExecutor(AT_ONCE) as pool,
            progress(len(jobs), "jobs run again", "job") as bar,
        ):
            for _ in pool.map(self._make, jobs):
                bar.update()

    def again(self, path: str) -> Path:
        """An artefact, made again.

        Raises:
            DynsparseError: an input is missing or damaged, or a file of the project is not here,
                or not the one that the study was made with.
        """
        job = self._jobs[path]
        self._make(job)
        made = self._temporary / path
        if not made.exists():
            raise DynsparseError(self._refused.get(job[0], "its job makes no such file"))
        return made

    def _make(self, job: tuple[str, ...]) -> None:
        if job[0] in self._made:
            return
        self._made.add(job[0])
        first = main_of(job)
        try:
            make_again(self._folder, self._manifest, first, self._temporary / first)
        except DynsparseError as error:
            self._refused[job[0]] = str(error)


@contextmanager
def workshop(folder: Path, manifest: Manifest) -> Iterator[Workshop]:
    """A workshop that leaves nothing behind."""
    with tempfile.TemporaryDirectory() as temporary:
        yield Workshop(folder, manifest, Path(temporary))


def jobs_of(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    """For each artefact those that its job made, itself included."""
    together: dict[tuple[str, str], list[str]] = {}
    for path, artefact in sorted(manifest.artefacts.items()):
        together.setdefault((artefact.rule, artefact.log), []).append(path)
    return {path: tuple(paths) for paths in together.values() for path in paths}


def main_of(job: tuple[str, ...]) -> str:
    """The file of a job that the others are named after."""
    return next((name for name in job if name.endswith(MAIN)), job[0])


def items_of(manifest: Manifest) -> dict[str, tuple[Item, Case]]:
    """Every item of a study by its first file: its entry, and its case.

    Left out are those that read other studies, which need not be here.
    """
    study = Study(manifest.config, "")
    return {
        path: (item, case)
        for item in ITEMS.values()
        if item.alone(study)
        for case in (study.cases if item.per_case else [ANY])
        if (path := item.outputs(study, case)[item.formats[0]]) in manifest.artefacts
    }


def make_again(folder: Path, manifest: Manifest, path: str, output: Path) -> None:
    """Run the job of an artefact, one that a recipe names its files after.

    Raises:
        DynsparseError: as ``Workshop.again``, or the job's rule has no recipe here.
    """
    known = items_of(manifest).get(path)
    if known is not None:
        _make_item(folder, manifest, path, *known, output)
        return
    artefact = manifest.artefacts[path]
    if artefact.rule not in RECIPES:
        raise DynsparseError(
            f"was made by the rule {artefact.rule}, which this version of dynsparse does not have;"
            " audit it with the version that made it"
        )
    order = listed_order(manifest.config)
    RECIPES[artefact.rule](
        Job(
            config=manifest.config,
            inputs=tuple(folder / name for name in sorted(artefact.inputs, key=order)),
            output=output,
        )
    )


def _make_item(
    folder: Path, manifest: Manifest, path: str, item: Item, case: Case, output: Path
) -> None:
    """An item, from what its entry says that it is made from."""
    home = folder.absolute().parents[1]
    study = Study(manifest.config, str(folder), project=str(PROJECT), home=str(home))
    files = item.inputs(study, case)
    used = {name for paths in files.values() for name in paths}
    inside = {name for name in used if Path(name).is_relative_to(folder)}
    differs = {str(Path(name).relative_to(folder)) for name in inside} ^ {
        *manifest.artefacts[path].inputs
    }
    if differs:
        raise DynsparseError(
            f"its entry and the manifest differ in whether it reads {min(differs)}"
        )
    for source in map(Path, used - inside):
        root = PROJECT if source.is_relative_to(PROJECT) else home
        project_file(manifest, str(source.relative_to(root)), root)
    wrong = make_apart(
        function=item.source,
        reads=item.called(study),
        files=files,
        settings=item.given(manifest.config),
        writer=item.writer,
        output=str(output),
    )
    if wrong:
        raise DynsparseError(wrong)


def project_file(manifest: Manifest, name: str, root: Path = PROJECT) -> Path:
    """A file of the project, or of a folder that a study was made in, that it was made with.

    Raises:
        DynsparseError: it is not here, or another.
    """
    path = root / name
    if not path.is_file() or sha256(path) != manifest.sources.get(name):
        raise DynsparseError(f"{path}: not the file that the study was made with")
    return path


def listed_order(config: Mapping[str, Any]) -> Callable[[str], tuple[Any, ...]]:
    """Sorts paths as the DAG lists them: environments, behaviours, then seeds, as configured."""
    environments = [dataset_name(name) for name in config["environments"]]
    behaviours_of = [choices["behaviours"] for choices in config["environments"].values()]
    seeds = config["seeds"]

    def key(path: str) -> tuple[Any, ...]:
        parts = path.split("/")
        environment = next((name for name in environments if name in parts), None)
        if environment is None:
            return (-1, -1, -1, path)
        number = environments.index(environment)
        behaviours = behaviours_of[number]
        behaviour = next((k for k, name in enumerate(behaviours) if name in parts), -1)
        seed = next((int(p[5:].split(".")[0]) for p in parts if p.startswith("seed-")), None)
        place = seeds.index(seed) if seed in seeds else -1
        return (number, behaviour, place, path)

    return key


def _measure_patterns(job: Job) -> None:
    from dynsparse.sparsity.scan import scan

    threshold = job.config["sparsity"]["threshold"]
    thresholds = sorted({threshold, *job.config["sparsity"]["other_thresholds"]})
    with open_dataset(job.inputs[0]) as dataset:
        counts = scan(dataset, thresholds, threshold, job.output.parent / "patterns.parquet")
    made = counts._asdict()
    for kind, path in job.beside(made).items():
        write_table(made[kind], path)


def _describe_patterns(job: Job) -> None:
    count(job.inputs, job.beside((*COUNTS, *COMPARES)), COUNTS, COMPARES)


def _merge(kinds: Sequence[str], job: Job) -> None:
    inputs = {kind: [path for path in job.inputs if path.stem == kind] for kind in kinds}
    merge(inputs, job.beside(kinds))


# Per seed: many, and as long as the data.
COUNTED: dict[str, Recipe] = {"measure_patterns": _measure_patterns}
# From all seeds: few, though the first may be as long as all data of a case.
SUMMARISED: dict[str, Recipe] = {
    "describe_patterns": _describe_patterns,
    **{name: partial(_merge, kinds) for name, kinds in MERGES.items()},
}
RECIPES = {**COUNTED, **SUMMARISED}
# What simulates or draws: other checks look at it.
OTHERWISE = ("verify_jacobians", "measure_memory", "measure_influence", "embed", "render")


def without_recipe(manifest: Manifest) -> list[str]:
    """Statistics that no check could make again, since rules had other names in other versions."""
    known = {*RECIPES, *OTHERWISE}
    return [
        path
        for path, artefact in manifest.artefacts.items()
        if path.startswith(("merged/", "statistics/")) and artefact.rule not in known
    ]
