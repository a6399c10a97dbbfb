"""``dynsparse view``: pages of a dataset file or of a study's folder, and a list of these."""

from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa

from dynsparse.api.dataset import Dataset
from dynsparse.api.loading import load
from dynsparse.api.optional import needed
from dynsparse.api.study import Study, bounded, inside
from dynsparse.errors import DynsparseError, printable
from dynsparse.explorer.case import case_page
from dynsparse.running.console import say
from dynsparse.storage.files import whole_file
from dynsparse.storage.tables import read_table

# What counts as zero where no study says so.
THRESHOLD = 1e-12


def view(source: Path, output: Path | None = None) -> Path:
    """Write the page of a dataset file, or those of a study's folder.

    Args:
        source: an HDF5 file, or a study's folder.
        output: the page, or the folder for the pages; by default beside the file, with another
            ending, or the folder ``explorer`` in the study's.

    Returns:
        The page to open: of the file, or the list of a study's pages.

    Raises:
        DynsparseError: it cannot be read or written, or the study has no data.
    """
    loaded = load(str(source) if source.is_dir() else [source])
    if isinstance(loaded, Study):
        return _study(loaded, output or source / "explorer")
    where = output or source.with_suffix(".html")
    environment = loaded.cases[0].environment
    model = model_of(environment)
    write_page(where, case_page(loaded, THRESHOLD, _structure_of(environment, model), model))
    return where


def write_page(path: Path, text: str) -> None:
    """Write a page, whole or not at all.

    Raises:
        DynsparseError: it cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def model_of(environment: str) -> Any:
    """An environment's ``mujoco.MjModel``; None where it cannot be had, which is said."""
    try:
        needed("mujoco_playground", "simulate", "the robot's picture")
        from dynsparse.environments.models import model_of as simulated

        return simulated(environment).mj_model
    except DynsparseError as error:
        say(f"the page of {environment} has no robot: {error}")
        return None


def _structure_of(environment: str, model: Any) -> pa.Table | None:
    if model is None:
        return None
    from dynsparse.environments.structures import structures

    return structures([environment])


def _study(study: Study, folder: Path) -> Path:
    structure = inside(study.folder, study.folder / "structure.parquet")
    table = read_table(bounded(structure), "structure") if structure.is_file() else None
    made: list[tuple[str, Dataset]] = []
    for environment, behaviour in dict.fromkeys(case[:2] for case in study.cases):
        try:
            data = study[environment, behaviour]
        except DynsparseError as error:
            say(f"no page of {environment} ({behaviour}): {error}")
            continue
        name = f"{environment}-{behaviour}.html"
        text = case_page(data, study.config["sparsity"]["threshold"], table, model_of(environment))
        write_page(folder / name, text)
        made.append((name, data))
    if not made:
        raise DynsparseError(f"{study.folder}: no data of any case are there to look at")
    write_page(folder / "index.html", index(study.config["study"], made))
    return folder / "index.html"


def index(study: str, pages: list[tuple[str, Dataset]]) -> str:
    """A list of pages: what each is of."""
    rows = "".join(
        f'<li><a href="{escape(name)}">{escape(printable(data.cases[0].environment))}</a>'
        f" {escape(printable(data.cases[0].behaviour))}, {len(data)} episodes of"
        f" {len(data[0]):,} steps, {len(data.state_names)} states,"
        f" {len(data.action_names)} actions</li>"
        for name, data in pages
    )
    title = escape(printable(study))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Episodes of {title}</title><style>{_INDEX_STYLE}</style></head>"
        f"<body><h1>Episodes of <em>{title}</em></h1><ul>{rows}</ul></body></html>\n"
    )


_INDEX_STYLE = (
    ":root { color-scheme: light dark; } body { font: 16px/1.7 system-ui, sans-serif;"
    " max-width: 45rem; margin: 2.5rem auto; padding: 0 1rem; }"
)
