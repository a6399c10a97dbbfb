"""How an artefact is made again without Snakemake: the library call behind each rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dynsparse.audit.manifest import Manifest
from dynsparse.dataset import open_dataset
from dynsparse.errors import DynsparseError
from dynsparse.files import sha256
from dynsparse.sparsity.parquet import read_table, write_table
from dynsparse.tables.published import read_published
from dynsparse.tables.writing import write_item

PROJECT = Path(__file__).parents[3]
# The kinds of file that a recipe names all its files after.
MAIN = (".parquet", ".svg")


@dataclass(frozen=True)
class Job:
    """What a recipe gets.

    Attributes:
        config: the study's configuration.
        inputs: the artefacts to read, in the order of the configuration.
        sources: the project's files to read, likewise, code and locks left out.
        output: where to write; files made with it go beside it.
    """

    config: Mapping[str, Any]
    inputs: tuple[Path, ...]
    sources: tuple[Path, ...]
    output: Path

    def tables(self, kind: str) -> list[pa.Table]:
        """The inputs as tables of one kind."""
        return [read_table(path, kind) for path in self.inputs]


Recipe = Callable[[Job], None]


class Workshop:
    """A temporary folder in which artefacts are made again, each job once."""

    def __init__(self, folder: Path, manifest: Manifest, temporary: Path) -> None:
        """Use ``temporary`` for the study in ``folder``."""
        self._folder = folder
        self._manifest = manifest
        self._temporary = temporary
        self._jobs = jobs_of(manifest)
        self._refused: dict[str, str] = {}

    def again(self, path: str) -> Path:
        """An artefact, made again from its recorded inputs.

        Raises:
            DynsparseError: an input is missing or damaged, or a file of the project is not here,
                or not the one that the study was made with.
        """
        made = self._temporary / path
        if made.exists():
            return made
        job = self._jobs[path]
        if job[0] not in self._refused:
            first = next((name for name in job if name.endswith(MAIN)), path)
            try:
                make_again(self._folder, self._manifest, first, self._temporary / first)
            except DynsparseError as error:
                self._refused[job[0]] = str(error)
        if not made.exists():
            raise DynsparseError(self._refused.get(job[0], "its job makes no such file"))
        return made


def jobs_of(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    """For each artefact those that its job made, itself included."""
    together: dict[tuple[str, str], list[str]] = {}
    for path, artefact in sorted(manifest.artefacts.items()):
        together.setdefault((artefact.rule, artefact.log), []).append(path)
    return {path: tuple(paths) for paths in together.values() for path in paths}


def make_again(folder: Path, manifest: Manifest, path: str, output: Path) -> None:
    """Run the job of an artefact, one that a recipe names its files after.

    Raises:
        DynsparseError: as ``Workshop.again``.
    """
    artefact = manifest.artefacts[path]
    order = _order(manifest.config)
    sources = [name for name in artefact.sources if name.startswith("resources/")]
    RECIPES[artefact.rule](
        Job(
            config=manifest.config,
            inputs=tuple(folder / name for name in sorted(artefact.inputs, key=order)),
            sources=tuple(project_file(manifest, name) for name in sorted(sources, key=order)),
            output=output,
        )
    )


def project_file(manifest: Manifest, name: str) -> Path:
    """A file of the project that a study was made with.

    Raises:
        DynsparseError: it is not here, or another.
    """
    path = PROJECT / name
    if not path.is_file() or sha256(path) != manifest.sources[name]:
        raise DynsparseError(f"{path}: not the file that the study was made with")
    return path


def _order(config: Mapping[str, Any]) -> Callable[[str], tuple[Any, ...]]:
    """Sorts paths as the DAG lists them: environments, behaviours, then seeds."""
    environments = list(config["environments"])

    def key(path: str) -> tuple[Any, ...]:
        parts = path.split("/")
        environment = next((name for name in environments if name in parts), None)
        if environment is None:
            return (-1, -1, -1, path)
        behaviours = config["environments"][environment]["behaviours"]
        behaviour = next((k for k, name in enumerate(behaviours) if name in parts), -1)
        seed = next((int(p[5:].split(".")[0]) for p in parts if p.startswith("seed-")), -1)
        return (environments.index(environment), behaviour, seed, path)

    return key


def _measure_patterns(job: Job) -> None:
    from dynsparse.sparsity.scan import scan

    threshold = job.config["sparsity"]["threshold"]
    thresholds = sorted({threshold, *job.config["sparsity"]["other_thresholds"]})
    folder = job.output.parent
    with open_dataset(job.inputs[0]) as dataset:
        counts = scan(dataset, thresholds, threshold, folder / "patterns.parquet")
    write_table(counts.elements, folder / "elements.parquet")
    write_table(counts.sparsities, folder / "sparsities.parquet")


def _measure_steps(job: Job) -> None:
    from dynsparse.sparsity.patterns import open_patterns
    from dynsparse.sparsity.steps import measure_steps

    with open_patterns(job.inputs[0]) as patterns:
        write_table(measure_steps(patterns), job.output)


def _measure_durations(job: Job) -> None:
    from dynsparse.sparsity.durations import measure_durations
    from dynsparse.sparsity.patterns import open_patterns
    from dynsparse.sparsity.strides import measure_strides

    with open_patterns(job.inputs[0]) as patterns:
        write_table(measure_durations(patterns), job.output.with_name("durations.parquet"))
        write_table(measure_strides(patterns), job.output.with_name("strides.parquet"))


def _merge(job: Job) -> None:
    from dynsparse.sparsity.merging import merge_seeds

    write_table(merge_seeds(job.tables(job.output.stem)), job.output)


def _table_1(job: Job) -> None:
    from dynsparse.tables.table_1 import PUBLISHED_COLUMNS, table_1

    published = read_published(job.sources[0], PUBLISHED_COLUMNS)
    threshold = job.config["sparsity"]["threshold"]
    write_item(table_1(job.tables("elements"), published, threshold), job.output)


def _table_a1_1(job: Job) -> None:
    from dynsparse.tables.table_a1_1 import PUBLISHED_COLUMNS, table_a1_1

    published = read_published(job.sources[0], PUBLISHED_COLUMNS)
    write_item(table_a1_1(job.tables("steps"), published), job.output)


def _verification(job: Job) -> None:
    from dynsparse.tables.verification import verification_table

    samples = [read_table(p, "verification") for p in job.inputs if p.stem == "verification"]
    replays = [read_table(p, "replay") for p in job.inputs if p.stem == "replay"]
    write_item(verification_table(samples, replays), job.output)


def _figure_3(job: Job) -> None:
    from dynsparse.figures.figure_3 import figure_3
    from dynsparse.figures.style import save_figure

    (elements,) = job.tables("elements")
    save_figure(figure_3(elements, job.config["sparsity"]["threshold"]), job.output)


def _figure_5(job: Job) -> None:
    from dynsparse.figures.figure_5 import figure_5
    from dynsparse.figures.style import save_figure

    save_figure(figure_5(job.tables("steps")), job.output)


def _figure_6(job: Job) -> None:
    from dynsparse.figures.figure_6 import figure_6
    from dynsparse.figures.style import save_figure

    save_figure(figure_6(job.tables("steps")), job.output)


def _figure_7(job: Job) -> None:
    from dynsparse.figures.figure_7 import figure_7
    from dynsparse.figures.style import save_figure

    save_figure(figure_7(job.tables("durations")), job.output)


def _learning_curves(job: Job) -> None:
    from dynsparse.figures.learning_curve import learning_curve
    from dynsparse.figures.style import save_figure

    paths = [path for path in (*job.inputs, *job.sources) if path.suffix == ".parquet"]
    curves = [read_table(path, "training_curve") for path in paths]
    save_figure(learning_curve(pa.concat_tables(curves)), job.output)


# Per seed: many, and as long as the data.
COUNTED: dict[str, Recipe] = {
    "measure_patterns": _measure_patterns,
    "measure_steps": _measure_steps,
    "measure_durations": _measure_durations,
}
# From the tables of all seeds: few, and short.
SUMMARISED: dict[str, Recipe] = {
    "merge": _merge,
    "table_1": _table_1,
    "table_a1_1": _table_a1_1,
    "verification": _verification,
}
DRAWN: dict[str, Recipe] = {
    "draw_figure_3": _figure_3,
    "figure_5": _figure_5,
    "figure_6": _figure_6,
    "figure_7": _figure_7,
    "learning_curves": _learning_curves,
}
RECIPES = {**COUNTED, **SUMMARISED, **DRAWN}
