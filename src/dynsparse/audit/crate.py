"""A study as an RO-Crate: its folder, with metadata that other tools read."""

import json
import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.model.person import Person
from rocrate.model.softwareapplication import SoftwareApplication
from rocrate.rocrate import ROCrate

from dynsparse.audit.card import card
from dynsparse.audit.manifest import NAME, Manifest
from dynsparse.audit.recipes import jobs_of
from dynsparse.storage.files import sha256, whole_file

# The version of RO-Crate that the process profile is written for, and that most tools read.
VERSION = "1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
# No term of RO-Crate 1.1. Defined in the crate itself: nothing else has to be fetched.
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
CARD, METADATA = "card.md", "ro-crate-metadata.json"
# What is no artefact, and belongs to the object all the same, if it is there.
MORE = (NAME, CARD, "audit/audit.json", "audit/audit.html", "report.zip")
TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".h5": "application/x-hdf5",
    ".safetensors": "application/octet-stream",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
}


def write_crate(folder: Path, manifest: Manifest, citation: Mapping[str, Any], date: str) -> None:
    """Write the metadata that make a study's folder an RO-Crate, and the datasets' card.

    Nothing is copied: the folder itself is the research object, to be packed or uploaded whole.

    Args:
        folder: of the study.
        manifest: of the study.
        citation: the project's CITATION.cff: licence, authors, paper.
        date: of publication, such as 2026-11-21.

    Raises:
        DynsparseError: a dataset cannot be read, or the files cannot be written.
    """
    with whole_file(folder / CARD) as temporary:
        temporary.write_text(card(folder, manifest, citation), encoding="utf-8")
    crate = _crate(manifest, citation, date)
    files = {path: _file(crate, path, a.sha256, a.bytes) for path, a in manifest.artefacts.items()}
    for path in (name for name in MORE if (folder / name).is_file()):
        _file(crate, path, sha256(folder / path), (folder / path).stat().st_size)
    _describe_jobs(crate, manifest, files, _software(crate, manifest, citation))
    text = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True, ensure_ascii=False)
    with whole_file(folder / METADATA) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _crate(manifest: Manifest, citation: Mapping[str, Any], date: str) -> ROCrate:
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_terms.update(TERMS)
    profile = {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    root = crate.root_dataset
    root["conformsTo"] = crate.add(ContextEntity(crate, PROFILE, properties=profile))
    crate.name = f"dynsparse study {manifest.study}"
    crate.description = (
        "Rollouts in MuJoCo Playground with the Jacobians of every control step, and where and"
        f" when these are zero: study {manifest.study} of {citation['title']}"
    )
    crate.datePublished = date
    crate.keywords = ", ".join(citation["keywords"])
    url = f"https://spdx.org/licenses/{citation['license']}"
    licence = {"@type": "CreativeWork", "name": citation["license"], "url": url}
    crate.license = crate.add(ContextEntity(crate, url, properties=licence))
    root["author"] = _authors(crate, citation["authors"])
    root["citation"] = [_paper(crate, paper) for paper in citation["references"]]
    return crate


def _authors(crate: ROCrate, authors: Iterable[Mapping[str, str]]) -> list[Any]:
    return [crate.add(_author(crate, author)) for author in authors]


def _author(crate: ROCrate, author: Mapping[str, str]) -> Any:
    """A person has a family name in CITATION.cff, anyone else a name."""
    if "family-names" not in author:
        name = author["name"]
        properties = {"@type": "Organization", "name": name}
        return ContextEntity(crate, f"#{name.replace(' ', '-')}", properties=properties)
    name = f"{author['given-names']} {author['family-names']}"
    identifier = author.get("orcid", f"#{name.replace(' ', '-')}")
    return Person(crate, identifier, properties={"name": name})


def _paper(crate: ROCrate, paper: Mapping[str, Any]) -> Any:
    properties = {
        "@type": "ScholarlyArticle",
        "name": paper["title"],
        "datePublished": str(paper["year"]),
        "isPartOf": paper["collection-title"],
        "pagination": f"{paper['start']}-{paper['end']}",
    }
    entity = crate.add(ContextEntity(crate, "#paper", properties=properties))
    entity["author"] = _authors(crate, paper["authors"])
    return entity


def _software(crate: ROCrate, manifest: Manifest, citation: Mapping[str, Any]) -> Any:
    packages = ", ".join(f"{n} {v}" for n, v in sorted(manifest.code["packages"].items()))
    properties = {
        "name": "dynsparse",
        "description": citation["abstract"].strip(),
        "softwareVersion": f"{citation['version']}, commit {manifest.code['commit']}",
        "softwareRequirements": f"Python {manifest.code['python']}, {packages}",
    }
    return crate.add(SoftwareApplication(crate, "#dynsparse", properties=properties))


def _file(crate: ROCrate, path: str, digest: str, size: int) -> Any:
    suffix = Path(path).suffix
    kind = TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    properties = {
        "name": path,
        "contentSize": str(size),
        "sha256": digest,
        "encodingFormat": kind,
    }
    return crate.add_file(dest_path=path, properties=properties)


def _describe_jobs(
    crate: ROCrate, manifest: Manifest, files: Mapping[str, Any], software: Any
) -> None:
    """Each job as an action: which files it made from which."""
    for number, job in enumerate(sorted(set(jobs_of(manifest).values())), 1):
        artefact = manifest.artefacts[job[0]]
        crate.add_action(
            software,
            identifier=f"#job-{number}",
            object=[files[path] for path in artefact.inputs if path in files],
            result=[files[path] for path in job],
            properties={"name": artefact.rule},
        )
