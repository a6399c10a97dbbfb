"""A copy of the project, in which studies can be run without touching the repository's results."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from dynsparse.storage.files import sha256

ROOT = Path(__file__).parents[2]
COPIED = ("config", "envs", "resources", "src", "workflow")


def micro_config(**changes: Any) -> dict[str, Any]:
    """The default study cut down to 60 samples of CartpoleBalance."""
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    small = {
        "study": "micro",
        "environments": {"CartpoleBalance": {"behaviours": ["random"]}},
        "seeds": [0],
        "collection": {"episodes": 2, "steps": 30, "block_episodes": 1, "batch_samples": 30},
        "learning": {**study["learning"], "environments": []},
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

    @property
    def results(self) -> Path:
        """Where the study's results are."""
        return self.root / "results" / self.config.stem

    def snakemake(
        self, *arguments: str, check: bool = True, under: Sequence[str] = (), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake; its standard error is in ``stdout``."""
        process = self.start(*arguments, under=under, **variables)
        try:
            output, _ = process.communicate(timeout=900)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        done = subprocess.CompletedProcess(process.args, process.returncode, output)
        assert done.returncode == 0 or not check, done.stdout
        return done

    def start(
        self,
        *arguments: str,
        stdout: IO[str] | int = subprocess.PIPE,
        under: Sequence[str] = (),
        **variables: str,
    ) -> "subprocess.Popen[str]":
        """Start Snakemake in a process group of its own, which Ctrl-C stops as in a terminal.

        Args:
            arguments: of Snakemake.
            stdout: where its output and its errors go.
            under: a command that starts the command which follows it.
            variables: of its environment.
        """
        # This interpreter's Snakemake must do without its folder in PATH, as .venv/bin/snakemake
        # has to where the environment is not activated; with the library code of the copy.
        path = os.pathsep.join(
            folder
            for folder in os.environ["PATH"].split(os.pathsep)
            if Path(folder) != Path(sys.executable).parent
        )
        source = str(self.root / "src")
        return subprocess.Popen(
            # A shell without job control has what it starts ignore Ctrl-C.
            [*under, "env", "--default-signal=INT", sys.executable, "-m", "snakemake"]
            + ["--configfile", str(self.config), "--cores", "2", *arguments],
            cwd=self.root,
            env={**os.environ, "PATH": path, "PYTHONPATH": source, **variables},
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def digests(self) -> dict[str, str]:
        """Digests of all that a study makes for its reader, by their path in its folder."""
        files = [path for path in self.files() if not is_temporary(path)]
        return {str(path.relative_to(self.results)): sha256(path) for path in files}

    def files(self) -> list[Path]:
        """All files of the study's folder, but for logs and timings."""
        files = [path for path in sorted(self.results.rglob("*")) if path.is_file()]
        beside = {"logs", "benchmarks"}
        return [path for path in files if path.relative_to(self.results).parts[0] not in beside]

    def planned(self, *targets: str, **variables: str) -> dict[str, int]:
        """How many jobs of each rule Snakemake would run for ``targets``, itself included."""
        output = self.snakemake("--dry-run", *targets, **variables).stdout
        table = re.search(r"^Job stats:\n.*?\n-.*?\n(.*?)^total ", output, re.M | re.S)
        if table is None:
            assert "Nothing to be done" in output, output
            return {}
        rows = [line.split() for line in table[1].splitlines()]
        return {rule: int(count) for rule, count in rows}


def is_temporary(path: Path) -> bool:
    """Whether a file has a name that says it is not complete."""
    return path.name.startswith(".") or path.suffix == ".partial"


def copy_project(root: Path, source: Path = ROOT) -> Project:
    """A copy of the project, or of a copy, in ``root``, with the micro study for its config."""
    root.mkdir(exist_ok=True)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", ".training", "*.partial")
    for name in COPIED:
        shutil.copytree(source / name, root / name, symlinks=True, ignore=ignore)
    (root / "slurm").symlink_to("workflow/profiles/slurm")
    return Project(root, root / "config/config.yaml").variant()
