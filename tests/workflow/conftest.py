"""A copy of the project, in which studies can be run without touching the repository's results."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COPIED = ("config", "envs", "profiles", "resources", "src", "workflow")


def micro_config(**changes: Any) -> dict[str, Any]:
    """The default study cut down to 60 samples of CartpoleBalance."""
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    small = {
        "study": "micro",
        "environments": {"CartpoleBalance": {"behaviours": ["random"]}},
        "seeds": [0],
        "collection": {"episodes": 2, "steps": 30, "block_episodes": 1, "batch_samples": 30},
    }
    return {**study, **small, **changes}


@dataclass(frozen=True)
class Project:
    """A folder with everything that Snakemake needs, and a study to run in it."""

    root: Path
    config: Path

    def variant(self, **changes: Any) -> "Project":
        """The same folder with a variant of the micro study."""
        study = micro_config(**changes)
        config = self.root / f"{study['study']}.yaml"
        config.write_text(yaml.safe_dump(study))
        return Project(self.root, config)

    def study(self, config: str) -> "Project":
        """The same folder with one of its own studies."""
        return Project(self.root, self.root / config)

    def snakemake(
        self, *arguments: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake; its standard error is in ``stdout``."""
        # The Snakemake of this interpreter, and the library code of the copy.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        source = str(self.root / "src")
        done = subprocess.run(
            ["snakemake", "--configfile", str(self.config), "--cores", "2", *arguments],
            cwd=self.root,
            env={**os.environ, "PATH": path, "PYTHONPATH": source, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done

    def planned(self, *targets: str) -> dict[str, int]:
        """How many jobs of each rule Snakemake would run for ``targets``, itself included."""
        output = self.snakemake("--dry-run", *targets).stdout
        table = re.search(r"^Job stats:\n.*?\n-.*?\n(.*?)^total ", output, re.M | re.S)
        if table is None:
            assert "Nothing to be done" in output, output
            return {}
        rows = [line.split() for line in table[1].splitlines()]
        return {rule: int(count) for rule, count in rows}


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project, with the micro study for its config."""
    root = tmp_path_factory.mktemp("project")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", ".training", "*.partial")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=ignore)
    shutil.copy2(ROOT / "Snakefile", root)
    return Project(root, root / "config/config.yaml").variant()


@pytest.fixture(scope="session")
def finished(project):
    """The project after its micro study has been run once."""
    project.snakemake("all", "report")
    return project
