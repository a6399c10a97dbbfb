"""Statistics that are shipped: what a folder of them holds, and of which study; loads fast."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dynsparse.errors import DynsparseError
from dynsparse.storage.files import read_json, sha256

# Lists the files of a folder of statistics, with their digests and the study that they are of.
NAME = "statistics.json"
FORMAT, VERSION = "dynsparse statistics", 1
# What a study that draws shipped statistics again has of its own.
OWN = ("study", "statistics")

Config = Mapping[str, Any]


def with_shipped(
    config: Config, folder: Path, resolve: Callable[[Config], dict[str, Any]]
) -> dict[str, Any]:
    """A study that draws what is shipped, in full: it has the settings of what it draws.

    Args:
        config: what the study says.
        folder: of the statistics that it names.
        resolve: fills in what a study leaves out, and checks it.

    Raises:
        DynsparseError: the folder lacks its list, or the study says something else than it.
    """
    listed = read_list(folder)["config"]
    made, study = resolve(listed), resolve({**listed, **config})
    if study["study"] == made["study"]:
        raise DynsparseError(
            f"config: study: {study['study']!r} is the study that {folder} was computed by; give"
            " the one that draws it again a name of its own"
        )
    for key in made:
        if key not in OWN and study.get(key) != made[key]:
            raise DynsparseError(
                f"config: {key}: {folder} was made with other settings, which its {NAME} has;"
                " leave the key out, or statistics, to have them computed"
            )
    return study


def check_shipped(folder: Path, needed: Iterable[Path | str]) -> None:
    """Check that files of a folder of statistics are there, and are those that were shipped.

    Raises:
        DynsparseError: names the first that is not, and what to do about it.
    """
    files = read_list(folder)["files"]
    for path in needed:
        name = str(Path(path).relative_to(folder))
        try:
            digest = sha256(path)
        except OSError as error:
            raise DynsparseError(f"{path}: cannot be read: {error.strerror}; {REMEDY}") from error
        if digest != files.get(name):
            raise DynsparseError(f"{path}: is not the file that {folder / NAME} lists; {REMEDY}")


REMEDY = "take the folder anew from where it came, or make it by `snakemake publish`"


def read_list(folder: Path) -> dict[str, Any]:
    """What a folder of statistics says of itself.

    Raises:
        DynsparseError: it says nothing, or nothing that can be read.
    """
    path = folder / NAME
    try:
        found = read_json(path.read_text())
    except FileNotFoundError:
        raise DynsparseError(
            f"config: statistics: there is no file {path}; name a folder that `snakemake publish`"
            " made"
        ) from None
    except (OSError, ValueError) as error:
        raise DynsparseError(f"{path}: no list of statistics: {error}") from error
    about = isinstance(found, dict) and (found.get("format"), found.get("schema_version"))
    if about != (FORMAT, VERSION):
        raise DynsparseError(f"{path}: no list of statistics: not {FORMAT} {VERSION}")
    if not all(isinstance(found.get(key), dict) for key in ("config", "files")):
        raise DynsparseError(f"{path}: no list of statistics: it needs mappings config and files")
    return dict(found)
