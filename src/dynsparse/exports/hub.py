"""A study for data hubs: a card that Hugging Face reads, and Croissant metadata, in its folder."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from pyarrow import parquet

from dynsparse.api.optional import needed
from dynsparse.audit.manifest import Manifest, read_manifest
from dynsparse.errors import DynsparseError
from dynsparse.project import project_folder
from dynsparse.storage.files import whole_file

HDF5, PARQUET = "application/x-hdf5", "application/x-parquet"


def to_huggingface(results: Path) -> Path:
    """Write the card of a study as ``README.md`` in its folder, which is then one to upload.

    Raises:
        DynsparseError: it is no finished study, has a ``README.md``, or cannot be written; or this
            is no checkout of the project, which says who made it.
    """
    needed("tabulate", "simulate", "export to huggingface")
    from dynsparse.audit.card import card

    return _written(results, "README.md", lambda *known: card(results, *known))


def to_croissant(results: Path) -> Path:
    """Describe a study's data and tables in ``croissant.json`` in its folder.

    Raises:
        DynsparseError: as ``to_huggingface``, or mlcroissant is not installed.
    """
    needed("mlcroissant", "croissant", "export to croissant")

    def described(manifest: Manifest, citation: Mapping[str, Any]) -> str:
        found = _metadata(results, manifest, citation).to_json()
        return json.dumps(found, indent=1, ensure_ascii=False, default=str) + "\n"

    return _written(results, "croissant.json", described)


def _written(results: Path, name: str, text: Callable[[Manifest, Mapping[str, Any]], str]) -> Path:
    path = results / name
    if path.exists():
        raise DynsparseError(f"{path}: exists; delete it to have it written anew")
    citation = project_folder() / "CITATION.cff"
    if not citation.is_file():
        raise DynsparseError(f"{citation}: no such file: do this in a checkout, as studies are")
    content = text(read_manifest(results), yaml.safe_load(citation.read_text(encoding="utf-8")))
    with whole_file(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
    return path


def _metadata(results: Path, manifest: Manifest, citation: Mapping[str, Any]) -> Any:
    """Every data file and Parquet file by its digest, and the columns of the tables."""
    import mlcroissant as mlc

    kinds = {".h5": HDF5, ".parquet": PARQUET}
    files = [
        mlc.FileObject(
            id=path,
            name=path,
            content_url=path,
            content_size=f"{artefact.bytes} B",
            encoding_formats=[kinds[Path(path).suffix]],
            sha256=artefact.sha256,
        )
        for path, artefact in manifest.artefacts.items()
        if Path(path).suffix in kinds
    ]
    tables = [path for path in manifest.artefacts if path.startswith("tables/")]
    (paper,) = citation["references"][:1]
    return mlc.Metadata(
        name=f"dynsparse-{manifest.study}",
        description=(
            "Rollouts in simulated environments with the Jacobians of every control step, and"
            f" where and when these are zero: study {manifest.study} of {citation['title']}"
        ),
        cite_as=f"{paper['title']} ({paper['conference']['name']})",
        license=[f"https://spdx.org/licenses/{citation['license']}"],
        keywords=citation["keywords"],
        date_published=datetime.now(UTC).replace(microsecond=0),
        version=citation["version"],
        distribution=files,
        record_sets=[_records(results, path) for path in tables if Path(path).suffix == ".parquet"],
    )


def _records(results: Path, path: str) -> Any:
    import mlcroissant as mlc

    name = Path(path).stem
    fields = []
    for column in parquet.read_schema(results / path):
        many = pa.types.is_list(column.type)
        source = mlc.Source(file_object=path, extract=mlc.Extract(column=column.name))
        kind = _data_type(column.type.value_type if many else column.type)
        fields.append(
            mlc.Field(
                id=f"{name}/{column.name}",
                name=column.name,
                data_types=[kind],
                repeated=many,
                source=source,
            )
        )
    return mlc.RecordSet(id=name, name=name, fields=fields)


def _data_type(kind: pa.DataType) -> str:
    import mlcroissant as mlc

    if pa.types.is_boolean(kind):
        return str(mlc.DataType.BOOL)
    if pa.types.is_integer(kind):
        return str(mlc.DataType.INTEGER)
    return str(mlc.DataType.FLOAT if pa.types.is_floating(kind) else mlc.DataType.TEXT)
