"""Where the project's own files are: in its checkout, or in the installed package."""

from pathlib import Path


def project_folder() -> Path:
    """The folder with ``resources/``: the shipped experts, the paper's numbers, and tasks.

    It is the root of a checkout. A wheel has no such root, and holds them in the package.
    """
    package = Path(__file__).absolute().parent
    checkout = package.parents[1]
    return checkout if (checkout / "resources/experts").is_dir() else package
