"""Installed packages with environments of their own, as far as an interpreter can tell."""

from pathlib import Path

from projects import ROOT

EXAMPLE = ROOT / "examples/two-pendulums/two_pendulums.py"


def install(folder: Path, module: str, text: str, **environments: str) -> Path:
    """Put a module in a folder, and the list of the environments that it says it has.

    Args:
        folder: is to be on Python's path.
        module: the module's name.
        text: its content.
        environments: name -> what it is, such as ``module:Class``.
    """
    about = folder / f"{module}-0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 0.1\n")
    entries = "".join(f"{name} = {value}\n" for name, value in environments.items())
    (about / "entry_points.txt").write_text(f"[dynsparse.environments]\n{entries}")
    (folder / f"{module}.py").write_text(text)
    return folder / f"{module}.py"
