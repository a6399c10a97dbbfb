"""The manifest and the audit of a study that Snakemake made."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from jsonschema import Draft202012Validator

from dynsparse.audit.manifest import read_manifest, schema
from dynsparse.storage.files import sha256

RESULTS = "results/micro"
TABLE = "tables/table_1.csv"
# Without Snakemake, and without its folder.
WITHOUT_SNAKEMAKE = """
import sys
sys.modules["snakemake"] = None
from dynsparse.cli import main
main()
"""


pytestmark = pytest.mark.xdist_group("micro")


@pytest.fixture
def audited(untouched):
    return untouched


@pytest.fixture
def changed(audited):
    """``changed(path)``: change the last byte of an artefact; it is put back."""
    kept = {}

    def change(path):
        target = audited.root / RESULTS / path
        kept[target] = (target.read_bytes(), target.stat())
        target.write_bytes(kept[target][0][:-1] + b"?")

    yield change
    for target, (content, stat) in kept.items():
        target.write_bytes(content)
        os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_the_manifest_has_every_artefact(audited):
    folder = audited.root / RESULTS
    manifest = read_manifest(folder)
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    aside = {path for path in files if path.startswith(("logs/", "benchmarks/", "audit/"))}
    assert set(manifest.artefacts) == files - aside - {"manifest.json", "report.zip"}
    assert {a.state for a in manifest.artefacts.values()} == {"ok"}
    assert manifest.data_of("figures/figure_7.svg") == ["data/CartpoleBalance/random/seed-0.h5"]
    assert manifest.sources["envs/cpu.txt"] == sha256(audited.root / "envs/cpu.txt")
    methods = "src/dynsparse/jacobians/methods.py"
    assert methods in manifest.artefacts["data/CartpoleBalance/random/seed-0.h5"].sources
    assert methods not in manifest.artefacts[TABLE].sources
    assert manifest.sources[methods] == sha256(audited.root / methods)


def test_nothing_is_made_again_for_the_manifest(audited):
    assert audited.planned() == {}


def test_a_sound_study_passes(audited):
    done = audited.snakemake("audit")
    assert "study micro: no check failed" in done.stdout
    written = json.loads((audited.root / RESULTS / "audit/audit.json").read_text())
    assert list(Draft202012Validator(schema("audit")).iter_errors(written)) == []
    assert written["passed"] is True
    assert [check["name"] for check in written["checks"] if check["status"] != "pass"] == []
    by_name = {check["name"]: check for check in written["checks"]}
    again = by_name["Files of jobs that Snakemake ran again"]
    tables = {path.stem for path in (audited.root / RESULTS / "tables").iterdir()}
    assert again["checked"] >= 3 * len(tables) + 6


def test_an_audit_does_not_repair_what_it_audits(audited, changed):
    paths = [TABLE, "tables/table_a1_1.parquet", "figures/figure_5.png"]
    manifest = sha256(audited.root / RESULTS / "manifest.json")
    time.sleep(0.01)  # so that the files are newer than what was made from them
    for path in paths:
        changed(path)
    done = audited.snakemake("audit", check=False)
    assert done.returncode == 1
    assert [path for path in paths if f"{path}: was changed" not in done.stdout] == []
    assert "Traceback" not in done.stdout
    assert sha256(audited.root / RESULTS / "manifest.json") == manifest
    written = json.loads((audited.root / RESULTS / "audit/audit.json").read_text())
    named = {f["artefact"] for check in written["checks"] for f in check["failures"]}
    assert named == set(paths)


def test_a_folder_is_audited_without_snakemake(audited, tmp_path):
    folder = tmp_path / "handed"
    shutil.copytree(audited.root / RESULTS, folder)
    (folder / "figures/figure_6.svg").unlink()
    options = ["--transitions", "10", "--collections", "0"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SNAKEMAKE, "audit", str(folder), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    named = [line for line in done.stdout.splitlines() if line.startswith("figures/")]
    assert named == ["figures/figure_6.svg: is missing"]
