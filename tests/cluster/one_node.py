"""What there is to know about a Slurm of one node."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "slurm.sh"
UNAVAILABLE = 77


def run_script(action: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Call slurm.sh; its standard error is in ``stdout``."""
    return subprocess.run(
        [SCRIPT, action, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=420,
    )


@dataclass(frozen=True)
class Slurm:
    """A running Slurm."""

    folder: Path

    def jobs(self) -> list[dict[str, str]]:
        """All jobs of the last hour, as ``scontrol`` describes them."""
        output = subprocess.run(
            ["scontrol", "show", "job", "--oneliner"],
            env={**os.environ, "SLURM_CONF": str(self.folder / "etc/slurm.conf")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        lines = [line for line in output.splitlines() if line.startswith("JobId=")]
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]

    def of_rule(self, rule: str) -> list[dict[str, str]]:
        """The jobs of one rule, in the order of their submission."""
        ours = [job for job in self.jobs() if job.get("Comment", "").startswith(f"rule_{rule}")]
        return sorted(ours, key=lambda job: int(job["JobId"]))
