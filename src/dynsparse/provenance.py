"""Where a result came from: code, packages, device, policy, configuration."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dynsparse.running.code_digests import digests
from dynsparse.suite import DM_CONTROL_SUITE, OWN, own_environment, own_files, suite_of

# What results depend on, relative to the project's folder.
CODE = ("workflow", "src", "envs", "resources")


def provenance(environment: str, config: Mapping[str, Any], policy_digest: str, **more: Any) -> str:
    """JSON text that says how a dataset was made; the same for a resumed and a whole run.

    Args:
        environment: its name; one's own is recorded by its package and its files' digest.
        config: the resolved configuration of the run.
        policy_digest: SHA-256 of the policy's file, or the name of a behaviour without one.
        more: further facts, by their keys.
    """
    import jax

    from dynsparse.precision import settings_in_force

    device = jax.devices()[0]
    facts = {
        "config": dict(config),
        "policy": policy_digest,
        "packages": {name: version(name) for name in suite_of(environment).packages},
        "settings": settings_in_force(),
        "commit": commit(),
        "device": f"{device.platform}: {device.device_kind}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        **more,
    }
    if suite_of(environment) is OWN:
        facts["environment_package"] = environment_package(environment)
    return json.dumps(facts, sort_keys=True)


def environment_package(name: str) -> dict[str, str]:
    """What an environment of one's own is: its class, its files' digest, its package.

    Raises:
        DynsparseError: see ``own_environment`` and ``own_files``.
    """
    entry = own_environment(name)
    digest = hashlib.sha256(digests(own_files(name)).encode()).hexdigest()
    package = {"package": entry.dist.name, "version": entry.dist.version} if entry.dist else {}
    return {"class": entry.value, "files_sha256": digest, **package}


def commit() -> str:
    """The source's commit, with ``+`` if the tree was not clean; ``unknown`` outside git."""
    source = Path(__file__).parent
    try:
        name = _git(source, "rev-parse", "HEAD")
        return name + ("+" if _git(source, "status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def code_state(project: Path) -> dict[str, Any]:
    """The code as it stands: commit, files that differ from it, packages, interpreter, machine.

    Args:
        project: the project's folder. Configurations may differ from the commit, since
            what they said is recorded itself.
    """
    try:
        name = _git(project, "rev-parse", "HEAD")
        changed = _git(project, "diff", "--name-only", "--relative", "HEAD", "--", *CODE)
        untracked = _git(project, "ls-files", "--others", "--exclude-standard", "--", *CODE)
    except (OSError, subprocess.CalledProcessError):
        name, changed, untracked = "unknown", "", ""
    return {
        "commit": name,
        "changed": sorted([*changed.splitlines(), *untracked.splitlines()]),
        "packages": {name: version(name) for name in DM_CONTROL_SUITE.packages},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
