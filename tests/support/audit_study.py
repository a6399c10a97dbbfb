"""A small study made without Snakemake, and the faults that tests plant in it."""

import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from dynsparse.audit.manifest import Artefact, Manifest, read_manifest, write_manifest
from dynsparse.audit.recipes import make_again
from dynsparse.audit.recording import make_manifest
from dynsparse.collection import CollectionSettings, collect
from dynsparse.dataset.schema import DIGEST, episode_digest
from dynsparse.storage.files import sha256
from dynsparse.storage.tables import metadata_of, with_metadata, write_table

ROOT = Path(__file__).parents[2]
FOLDER = "results/small"
CASE = "CartpoleBalance/random"
DATA = [f"data/{CASE}/seed-{seed}.h5" for seed in (0, 1)]
# What is measured of each seed, and merged.
PARTS = ("elements", "sparsities", "steps")
TABLES = {"table_1": "elements", "table_a1_1": "steps"}
HEADER = "output_file\tdate\trule\tlog-file(s)\tinput-file(s)\tshellcmd\tstatus\tplan"
CODE = ["src/code.py", "envs/cpu.txt"]
PUBLISHED = ("table_1.csv", "table_a1_1.csv")


@dataclass(frozen=True)
class Study:
    """A project's folder with a study in it."""

    project: Path

    @property
    def folder(self) -> Path:
        return self.project / FOLDER

    @property
    def manifest(self) -> Manifest:
        return read_manifest(self.folder)

    def copy(self, project: Path) -> "Study":
        shutil.copytree(self.project, project)
        return Study(project)

    def record(self, status: str = "ok") -> Manifest:
        """Write the manifest anew, as if all that is there had been made so."""
        lines = [HEADER]
        for path, (rule, inputs) in rules().items():
            names = [f"{FOLDER}/{name}" for name in inputs if not name.startswith("resources")]
            names += [name for name in inputs if name.startswith("resources")] + CODE
            log = f"{FOLDER}/logs/{log_of(path)}"
            row = [f"{FOLDER}/{path}", "-", rule, log, ",".join(names), "-", status, "no update"]
            lines.append("\t".join(row))
        config = yaml.safe_load((self.folder / "config.yaml").read_text())
        items = [f"{FOLDER}/{path}" for path in rules() if path.startswith(("tables", "figures"))]
        manifest = make_manifest("\n".join(lines), items, config, FOLDER, self.project)
        write_manifest(manifest, self.folder / "manifest.json")
        return manifest

    def change_manifest(self, **changes) -> None:
        write_manifest(replace(self.manifest, **changes), self.folder / "manifest.json")


def config():
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    small = {
        "study": "small",
        "environments": {"CartpoleBalance": {"behaviours": ["random"]}},
        "seeds": [0, 1],
        "collection": {"episodes": 2, "steps": 30, "block_episodes": 1, "batch_samples": 30},
    }
    return {**study, **small}


def rules():
    """Artefact -> (rule, inputs): the part of the DAG that needs no compilation but the data's."""
    made = {"config.yaml": ("resolved_config", [])}
    made |= {path: ("collect_jacobians", []) for path in DATA}
    for seed, data in enumerate(DATA):
        folder = f"statistics/{CASE}/seed-{seed}"
        for statistic in ("patterns", *PARTS):
            made[f"{folder}/{statistic}.parquet"] = ("measure_patterns", [data])
    parts = [f"statistics/{CASE}/seed-{seed}/{kind}.parquet" for kind in PARTS for seed in (0, 1)]
    for kind in PARTS:
        made[f"merged/{CASE}/{kind}.parquet"] = ("merge_patterns", parts)
    for table, statistic in TABLES.items():
        sources = [f"merged/{CASE}/{statistic}.parquet"]
        sources.append(f"resources/paper/{table}.csv")
        for kind in ("parquet", "csv", "md"):
            made[f"tables/{table}.{kind}"] = (table, sources)
    for kind in ("svg", "png"):
        made[f"figures/figure_5.{kind}"] = ("figure_5", [f"merged/{CASE}/steps.parquet"])
    return made


def log_of(path):
    """One log per job: tables and figures are in several formats, patterns are counted at once."""
    rule, _ = rules()[path]
    stem = Path(path).parent if rule.endswith("_patterns") else Path(path).with_suffix("")
    return f"{rule}/{stem}.log"


def make_study(project: Path) -> Study:
    """A finished study, in a clean repository of its own."""
    for name in ("resources/paper", "envs"):
        shutil.copytree(ROOT / name, project / name)
    (project / "src").mkdir()
    (project / "src/code.py").write_text("# The code.\n")
    (project / ".gitignore").write_text("results/\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "all")
    study, settings = Study(project), config()
    study.folder.mkdir(parents=True)
    (study.folder / "config.yaml").write_text(yaml.safe_dump(settings))
    for seed, path in enumerate(DATA):
        (study.folder / path).parent.mkdir(parents=True, exist_ok=True)
        sections = {**settings["collection"], **settings["simulator"], **settings["jacobian"]}
        target = study.folder / path
        collect(target, "CartpoleBalance", "random", seed, CollectionSettings(**sections))
        provenance = {**read_provenance(target), "commit": git(project, "rev-parse", "HEAD")}
        set_attributes(target, provenance=json.dumps(provenance, sort_keys=True))
    remake(study)
    study.record()
    return study


def remake(study: Study) -> None:
    """Make everything that comes from the data, by the audit's own recipes."""
    artefacts = {
        path: Artefact(
            sha256="",
            bytes=0,
            rule=rule,
            log=log_of(path),
            inputs=tuple(name for name in inputs if not name.startswith("resources")),
            sources=tuple(name for name in inputs if name.startswith("resources")),
            state="ok",
        )
        for path, (rule, inputs) in rules().items()
    }
    sources = {f"resources/paper/{n}": sha256(ROOT / "resources/paper" / n) for n in PUBLISHED}
    manifest = Manifest("small", config(), {}, (), artefacts, sources, {})
    for path in rules():
        if path.endswith((".parquet", ".svg")):
            make_again(study.folder, manifest, path, study.folder / path)


def read_provenance(path: Path) -> dict:
    with h5py.File(path, "r") as file:
        return json.loads(file.attrs["provenance"])


def set_attributes(path: Path, **attributes) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs.update(attributes)


def change_array(
    path: Path, name: str, index: tuple, difference: float, digest: bool = True
) -> None:
    """Change one number of a dataset, and its episode's digest with it."""
    with h5py.File(path, "r+") as file:
        file[name][index] += difference
        if not digest:
            return
        names = [key for key in file if key != DIGEST]
        file[DIGEST][index[0]] = episode_digest({key: file[key][index[0]] for key in names})


def change_cell(path: Path, row: int, column: str, value) -> None:
    """Change one cell of a Parquet file, all else kept."""
    table = pq.ParquetFile(path).read()
    values = table[column].to_pylist()
    values[row] = value
    position = table.schema.get_field_index(column)
    field = table.schema.field(column)
    changed = table.set_column(position, field, pa.array(values, field.type))
    facts = {k: v for k, v in metadata_of(table).items() if k != "schema_version"}
    write_table(with_metadata(changed, **facts), path)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
