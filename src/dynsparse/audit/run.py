"""The audit as a whole."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dynsparse.audit.completeness import completeness
from dynsparse.audit.findings import Audit
from dynsparse.audit.manifest import read_manifest
from dynsparse.audit.published import published
from dynsparse.audit.recipes import PROJECT, workshop
from dynsparse.audit.repeatability import repeatability
from dynsparse.audit.tables import table_truth
from dynsparse.audit.traceability import traceability
from dynsparse.audit.truth import data_truth
from dynsparse.errors import DynsparseError
from dynsparse.provenance import code_state


@dataclass(frozen=True)
class Extent:
    """How much an audit looks at.

    Attributes:
        seed: of all samples that are drawn.
        transitions: drawn from one file of each environment and behaviour.
        tables: jobs that count in the data of one seed, recomputed.
        collections: datasets whose first block of episodes is collected again.
    """

    seed: int = 0
    transitions: int = 100
    tables: int = 6
    collections: int = 1


def audit(
    folder: Path, extent: Extent, promised: Collection[str] = (), again: Path | None = None
) -> Audit:
    """May I believe this? Five questions to a study, answered from its folder.

    Args:
        folder: of the study, with its manifest.
        extent: how much to look at.
        promised: items that the present DAG promises, relative to ``folder``.
        again: a folder in which the DAG made a sample of the artefacts again (``elsewhere``).

    Raises:
        DynsparseError: the folder has no manifest.
    """
    if not folder.is_dir():
        raise DynsparseError(f"{folder}: no such folder; an audit needs the folder of a study")
    manifest = read_manifest(folder)
    against_paper, numbers = published(folder, manifest)
    with workshop(folder, manifest) as place:
        tables = table_truth(folder, manifest, place, extent.tables, extent.seed)
        repeated = repeatability(folder, manifest, place, extent.collections, extent.seed, again)
    return Audit(
        study=manifest.study,
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seed=extent.seed,
        auditor=code_state(PROJECT),
        checks=(
            *completeness(folder, manifest, promised),
            *traceability(folder, manifest),
            *data_truth(folder, manifest, extent.transitions, extent.seed),
            *tables,
            *repeated,
            against_paper,
        ),
        numbers=numbers,
    )
