"""The command line, for a machine without Snakemake: one library call per command."""

import sys
from pathlib import Path

import click

from dynsparse.errors import DynsparseError, printable
from dynsparse.running.compiling import quiet_surroundings

# auto and dynsparse.jacobians.METHODS, which would load JAX to show a help text.
METHOD_NAMES = ("auto", "unrolled", "implicit", "hybrid", "mujoco_c")
# dynsparse.exports.STORAGES, which would load h5py.
STORAGE_NAMES = ("hdf5", "arrow", "parquet")
# Random keys have 32 bits in float32: a larger seed would be another one's twin.
LAST_SEED = 2**32 - 1


# What the base install does without, by the name that is imported: of the extras, and of what these
# bring.
OPTIONAL = {
    *("brax", "flatbuffers", "jax", "mujoco", "mujoco_playground", "rocrate", "safetensors"),
    *("scipy", "sklearn", "tabulate", "threadpoolctl", "tqdm", "equinox", "matplotlib", "minari"),
    "mlcroissant",
    *("openTSNE", "optax", "PIL", "snakemake", "torch", "xarray"),
    *("flax", "jaxlib", "ml_collections"),
}


class _OneLine(click.Group):
    """Ends a known error as one line with status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except DynsparseError as error:
            message = printable(str(error))
        except ModuleNotFoundError as error:
            package = str(error.name).partition(".")[0]
            if package not in OPTIONAL:
                raise
            extra = "workflow" if ctx.invoked_subcommand == "audit" else "simulate"
            message = (
                f"dynsparse {ctx.invoked_subcommand} needs {package}, which is not installed:"
                f" pip install 'dynsparse[{extra}]'"
            )
        click.echo(f"error: {message}", err=True)
        sys.exit(1)


@click.group(cls=_OneLine)
def main() -> None:
    """Where and when are a simulator's dynamics sparse?"""
    quiet_surroundings()


def _simulated(environment: str | None, model: Path | None, substeps: int | None) -> str:
    """The name of what is simulated, from the options that say it."""
    if (environment is None) == (model is None):
        raise click.UsageError("Give either --environment or --model.")
    if model is None:
        if substeps is not None:
            raise click.UsageError("--substeps goes with --model.")
        return str(environment)
    return f"mjcf:{substeps or 1}:{model}"


_MODEL = click.option(
    "--model", type=click.Path(path_type=Path), help="In place of an environment: an MJCF file."
)
_SUBSTEPS = click.option(
    "--substeps", type=click.IntRange(1), help="Of --model: simulator steps per control; else 1."
)


@main.command()
@click.option("--environment", help="Such as HopperHop, your own, or gymnasium:HalfCheetah-v5.")
@_MODEL
@_SUBSTEPS
@click.option("--behaviour", default="random", show_default=True, help="random, expert or half.")
@click.option("--policy", type=click.Path(path_type=Path), help="A policy of your own.")
@click.option("--episodes", type=click.IntRange(1), required=True)
@click.option("--steps", type=click.IntRange(1), required=True, help="Control steps per episode.")
@click.option("--seed", type=click.IntRange(0, LAST_SEED), required=True)
@click.option("--method", type=click.Choice(METHOD_NAMES), default="auto", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="HDF5 file.")
def collect(
    environment: str | None,
    model: Path | None,
    substeps: int | None,
    behaviour: str,
    policy: Path | None,
    episodes: int,
    steps: int,
    seed: int,
    method: str,
    output: Path,
) -> None:
    """Roll a behaviour out and write every step's Jacobians."""
    from dynsparse.collection import CollectionSettings
    from dynsparse.collection import collect as collect_dataset
    from dynsparse.running.compiling import prepare_to_compile
    from dynsparse.suite import suite_of

    name = _simulated(environment, model, substeps)
    prepare_to_compile()
    if suite_of(name).dynamics == "mujoco_c":
        from dynsparse.c_engine.collection import collect as collect_by_engine

        if behaviour != "random" or policy or method not in ("auto", "mujoco_c"):
            raise DynsparseError(
                f"{name}: on MuJoCo's C engine actions are random, and the method is mujoco_c"
            )
        return collect_by_engine(output, name, seed, episodes, steps)
    settings = CollectionSettings(
        episodes=episodes,
        steps=steps,
        method=method,
        solver="as_shipped",
        dtype="float64",
        block_episodes=1,
        batch_samples=0,
    )
    return collect_dataset(output, name, behaviour, seed, settings, policy)


@main.command()
@click.option("--environment", required=True, help="Such as HopperHop, or your own.")
@click.option("--seed", type=click.IntRange(0, LAST_SEED), default=0, show_default=True)
@click.option(
    "--schedules",
    type=click.Path(path_type=Path),
    help="A file of settings, an entry per environment; else resources/experts/schedules.yaml.",
)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="A folder.")
def train(environment: str, seed: int, schedules: Path | None, output: Path) -> None:
    """Train an expert, or go on with one that was killed."""
    from dynsparse.policies.experts import train_expert
    from dynsparse.policies.settings import schedule
    from dynsparse.policies.shipped import SHIPPED
    from dynsparse.running.compiling import prepare_to_compile

    prepare_to_compile()
    overrides = schedule(schedules or SHIPPED / "schedules.yaml", environment)
    train_expert(environment, seed, overrides, output)


@main.command()
@click.argument("dataset", type=click.Path(path_type=Path))
def info(dataset: Path) -> None:
    """Tell what is in a dataset, where it came from, and whether it is intact."""
    from dynsparse.dataset import describe

    click.echo(describe(dataset))


@main.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--to", "form", type=click.Choice(["minari", "huggingface", "croissant"]), required=True
)
@click.option(
    "--storage",
    type=click.Choice(STORAGE_NAMES),
    default="hdf5",
    help="Of Minari; hdf5 if not given.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Of Minari: a new folder.")
def export(dataset: Path, form: str, storage: str, output: Path | None) -> None:
    """Write a dataset for Minari, or what others read into the folder of a study."""
    from dynsparse.exports import to_croissant, to_huggingface, to_minari

    if (form == "minari") != (output is not None):
        raise click.UsageError("--output goes with --to minari, which needs it.")
    if output is not None:
        return to_minari(dataset, output, storage)
    return click.echo({"huggingface": to_huggingface, "croissant": to_croissant}[form](dataset))


@main.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--samples", type=click.IntRange(1), default=200, show_default=True)
@click.option("--environment", help="That the file is of, if it is code of yours.")
@click.option("--model", type=click.Path(path_type=Path), help="That the file is of, if moved.")
def verify(dataset: Path, samples: int, environment: str | None, model: Path | None) -> None:
    """Hold a dataset's steps and Jacobians against the simulator; status 1 if any is wrong."""
    from dynsparse.running.compiling import prepare_to_compile
    from dynsparse.verified_file import verify_file

    prepare_to_compile()
    found = verify_file(dataset, samples, environment, model)
    click.echo(found.table)
    if found.refusal:
        raise DynsparseError(found.refusal)


@main.command()
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--environment", help="Such as gymnasium:HalfCheetah-v5.")
@_MODEL
@_SUBSTEPS
@click.option("--output", type=click.Path(path_type=Path), required=True, help="HDF5 file.")
def label(
    recording: Path, environment: str | None, model: Path | None, substeps: int | None, output: Path
) -> None:
    """Write the Jacobians of recorded states and controls (npz or HDF5) by a model of theirs."""
    from dynsparse.c_engine.label import label as label_recording
    from dynsparse.running.compiling import prepare_to_compile

    name = _simulated(environment, model, substeps)
    prepare_to_compile()
    click.echo(label_recording(output, recording, name))


@main.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0), help="Of the samples that are drawn.")
@click.option("--transitions", type=click.IntRange(1), help="Per environment and behaviour.")
@click.option("--tables", type=click.IntRange(0), help="Jobs per seed to recompute.")
@click.option("--collections", type=click.IntRange(0), help="Datasets to collect again.")
@click.option("--output", type=click.Path(path_type=Path), help="A folder; else RESULTS/audit.")
def audit(results: Path, output: Path | None, **extent: int | None) -> None:
    """May I believe this? Audits the folder of a study; status 1 if a check fails."""
    from dynsparse.audit.report import terminal, write_audit
    from dynsparse.audit.run import Extent
    from dynsparse.audit.run import audit as audit_study

    chosen = {name: value for name, value in extent.items() if value is not None}
    result = audit_study(results, Extent(**chosen))
    write_audit(result, output or results / "audit")
    click.echo(terminal(result))
    if not result.passed:
        sys.exit(1)


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="The page; of a study, a folder.")
def view(source: Path, output: Path | None) -> None:
    """Write pages on which episodes are looked at: of a dataset, or of the folder of a study."""
    from dynsparse.explorer.view import view as write_pages

    click.echo(write_pages(source, output))


@main.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say whether the file can be scored.")
@click.option("--task", type=click.Path(path_type=Path), help="A file; else the one it names.")
@click.option("--data", type=click.Path(path_type=Path), multiple=True, help="Of the task.")
@click.option("--output", type=click.Path(path_type=Path), help="Else PREDICTIONS.json.")
def score(
    predictions: Path, check: bool, task: Path | None, data: tuple[Path, ...], output: Path | None
) -> None:
    """Score a prediction file against the truth of its task, and write a card."""
    from dynsparse.benchmark.evaluator import Evaluator
    from dynsparse.benchmark.predictions import read_predictions, task_name

    evaluator = Evaluator(task or task_name(predictions), data)
    if check:
        found = read_predictions(predictions, evaluator.task)
        there = f"{len(evaluator.task.asked.seed)} rows of {', '.join(found.arrays)}"
        click.echo(printable(f"{predictions}: fits task {evaluator.task.name}: {there}"))
        return
    card = evaluator.score(predictions)
    path = output or predictions.with_name(f"{predictions.name}.json")
    card.save(path)
    click.echo(f"{card}\ncard: {path}")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--task", type=click.Path(path_type=Path), multiple=True, help="A file of your own.")
def leaderboard(folder: Path, task: tuple[Path, ...]) -> None:
    """Make a leaderboard of the cards in a folder, in Markdown and HTML."""
    from dynsparse.benchmark.leaderboard import write_leaderboard
    from dynsparse.benchmark.task_files import read_task

    written = write_leaderboard(folder, [read_task(path) for path in task])
    for path in written.pages:
        click.echo(path)
    for line in written.refused:
        click.echo(printable(f"refused: {line}"), err=True)


@main.group()
def task() -> None:
    """Tasks of the benchmark."""


@task.command("make")
@click.argument("name")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), required=True, help="An npz file.")
def task_make(name: str, data: tuple[Path, ...], output: Path) -> None:
    """Make the truth of a task from a study's folder, or from dataset files."""
    from dynsparse.benchmark.task_files import make_task, paths_of, write_task

    definition, paths = paths_of(name, data)
    made = make_task(definition, paths)
    write_task(made, output)
    click.echo(f"{output}: {made}, data {made.about.dataset}")


@task.command("controls")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
def task_controls(name: str, folder: Path) -> None:
    """Write the cards of a task's controls: guesses without a model, and the truth."""
    from dynsparse.benchmark.card import save_cards
    from dynsparse.benchmark.controls import control_cards
    from dynsparse.benchmark.task_files import read_task

    for path in save_cards(control_cards(read_task(name)), folder):
        click.echo(path)


@task.command("learners")
@click.argument("name")
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
def task_learners(name: str, results: Path, folder: Path) -> None:
    """Write the cards of a study's learners, trained with the task's split."""
    from dynsparse.benchmark.card import save_cards
    from dynsparse.benchmark.learners import learner_cards
    from dynsparse.benchmark.task_files import read_task

    for path in save_cards(learner_cards(read_task(name), results), folder):
        click.echo(path)


@main.command()
@click.argument("documents", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--results", type=click.Path(path_type=Path), help="A study: take its tables over.")
@click.option("--shipped", type=click.Path(path_type=Path), default="docs/results")
def blocks(documents: tuple[Path, ...], shipped: Path, results: Path | None) -> None:
    """Fill the tables in Markdown documents (CONTRIBUTING.md)."""
    from dynsparse.tables.blocks import refresh

    refresh(documents, shipped, results)
