"""The policies that the project ships."""

from pathlib import Path

from dynsparse.errors import DynsparseError
from dynsparse.project import project_folder

SHIPPED = project_folder() / "resources" / "experts"
FILES = {"expert": "policy.safetensors", "half": "half.safetensors"}


def shipped_expert(environment: str, seed: int, kind: str = "expert", root: Path = SHIPPED) -> Path:
    """The file of a policy that the project ships.

    Args:
        environment: Playground's name.
        seed: of the repetition.
        kind: ``expert``, or ``half`` for a partly trained one.
        root: the folder with a folder per environment.

    Raises:
        DynsparseError: there is none.
    """
    path = root / environment / f"seed-{seed}" / FILES[kind]
    if not path.is_file():
        shipped = sorted(p.parent.name for p in (root / environment).glob(f"*/{FILES[kind]}"))
        there = f"shipped are {', '.join(shipped)}" if shipped else "none is shipped"
        raise DynsparseError(f"no {kind} of {environment} for seed {seed}: {there}")
    return path
