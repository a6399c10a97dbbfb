"""Making a manifest: what Snakemake knows of a finished study, with digests."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dynsparse.audit.manifest import Artefact, Manifest, digests_of
from dynsparse.dataset import open_dataset
from dynsparse.errors import DynsparseError
from dynsparse.provenance import code_state
from dynsparse.running.code_digests import ENVIRONMENT

# Jobs take the library's modules as one file that lists them (``dynsparse.running.code_digests``).
LIST = ".sha256"
# Without Snakemake's records (.snakemake) a study can be finished, and is not traceable.
NOTHING, UNKNOWN = "-", "nothing is known of how it was made"
ORIGIN = ("policy", "commit", "device", "machine", "python", "packages")


def make_manifest(
    summary: str,
    items: Iterable[str],
    config: Mapping[str, Any],
    folder: str,
    home: Path,
    project: str = ".",
) -> Manifest:
    """The manifest of a finished study.

    Args:
        summary: what ``snakemake --detailed-summary`` prints about the study.
        items: the artefacts that the study is made for, named as in the summary.
        config: the study's configuration.
        folder: the study's folder, named as in the summary.
        home: the folder that paths in the summary start from.
        project: the folder of the code from there; its files go by their names in it.

    Raises:
        DynsparseError: a file of the summary is missing.
    """
    rows = _rows(summary)
    used = {row["output_file"]: _inputs(row) for row in rows}
    outside = {path for paths in used.values() for path in paths if path not in used}
    lists = {path: _listed(home / path) for path in outside if path.endswith(LIST)}
    digests = digests_of(home, [*used, *(outside - set(lists))])
    missing = min((path for path, digest in digests.items() if not digest), default=None)
    if missing is not None:
        raise DynsparseError(f"{missing}: cannot be read; the manifest needs a finished study")

    def local(path: str) -> str:
        return path.removeprefix(f"{folder}/")

    def named(path: str) -> str:
        return path.removeprefix(f"{project}/")

    def artefact(row: Mapping[str, str]) -> Artefact:
        path = row["output_file"]
        return Artefact(
            sha256=digests[path],
            bytes=(home / path).stat().st_size,
            rule=row["rule"],
            log=local(row["log-file(s)"]),
            inputs=tuple(sorted(local(name) for name in used[path] if name in used)),
            sources=tuple(
                sorted({n for p in used[path] if p in outside for n in lists.get(p, (named(p),))})
            ),
            state=_state(row),
        )

    artefacts = dict(sorted((local(r["output_file"]), artefact(r)) for r in rows))
    data = (name for name in artefacts if name.endswith(".h5"))
    return Manifest(
        study=str(config["study"]),
        config=dict(config),
        code=code_state(home / project),
        items=tuple(map(local, items)),
        artefacts=artefacts,
        # In an order of their own: that of the summary depends on which jobs were run again.
        sources=dict(
            sorted(
                {
                    **{named(name): digests[name] for name in outside - set(lists)},
                    **{name: digest for each in lists.values() for name, digest in each.items()},
                }.items()
            )
        ),
        datasets={name: _origin(home / folder / name) for name in data},
    )


def _rows(summary: str) -> list[dict[str, str]]:
    """Rows of the summary's table, which begins at its header."""
    lines = summary.splitlines()
    first = next((k for k, line in enumerate(lines) if line.startswith("output_file\t")), None)
    if first is None:
        raise DynsparseError("snakemake --detailed-summary printed no table of files")
    header = lines[first].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[first + 1 :] if line]


def _listed(path: Path) -> dict[str, str]:
    """The modules in a list of ``dynsparse.running.code_digests``, with their digests.

    Those of an environment of one's own are outside the project: their names say whose they are.
    """
    try:
        rows = [line.split(maxsplit=1) for line in path.read_text().splitlines()]
    except OSError as error:
        raise DynsparseError(f"{path}: cannot be read: {error.strerror}") from error
    own = path.stem.startswith(ENVIRONMENT)
    folder = f"environments/{path.stem.removeprefix(ENVIRONMENT)}" if own else "src/dynsparse"
    return {f"{folder}/{name}": digest for digest, name in rows}


def _inputs(row: Mapping[str, str]) -> list[str]:
    known = row["input-file(s)"]
    return [path for path in known.split(",") if path] if known != NOTHING else []


def _state(row: Mapping[str, str]) -> str:
    """What Snakemake says of a file, which may be that it has no record of its making."""
    return row["status"] if row["input-file(s)"] != NOTHING else UNKNOWN


def _origin(path: Path) -> dict[str, Any]:
    with open_dataset(path) as dataset:
        origin = json.loads(dataset.info.provenance)
        return {"seed": dataset.info.seed, **{name: origin.get(name) for name in ORIGIN}}
