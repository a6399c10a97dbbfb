"""Which of the library's sources a stage depends on."""

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from dynsparse.storage.files import sha256, whole_file
from dynsparse.suite import own_files

PACKAGE = Path(__file__).parents[1]
# How the name of a list begins that is of an environment of one's own.
ENVIRONMENT = "environment-"
# How the library's modules import from it, to be found in a tenth of the time that parsing takes: a
# test holds what is found to what Python's own parser finds.
IMPORT = re.compile(
    r"^ *(?:from|import) (dynsparse[.\w]*)(?: import (?:\(([^)]*)\)|(.+)))?(?: as \w+)?$",
    re.MULTILINE,
)
NAME = re.compile(r"(?<!as )\b(?!as )\w+")
COMMENT = re.compile(r" *#.*$", re.MULTILINE)


def source_list(folder: Path, *modules: str) -> Path:
    """A file in ``folder`` with the digests of modules and of all they import from the library.

    It is written only if its content changes: whoever compares modification times or contents
    sees an edit, and nothing else. The first one is as old as the youngest of the sources.

    Args:
        folder: where the file is kept.
        modules: names without the leading ``dynsparse.``.

    Raises:
        DynsparseError: the folder cannot be written.
    """
    sources = {path.relative_to(PACKAGE).as_posix(): path for path in sources_of(*modules)}
    return _list(folder / f"{'-'.join(modules)}.sha256", sources)


def environment_list(folder: Path, name: str) -> Path:
    """The same for an environment of one's own: all files that it is made of.

    Args:
        folder: where the file is kept.
        name: one of ``dynsparse.suite.environment_names()``.

    Raises:
        DynsparseError: its package is not there, or the folder cannot be written.
    """
    return _list(folder / f"{ENVIRONMENT}{name}.sha256", own_files(name))


def _list(path: Path, sources: Mapping[str, Path]) -> Path:
    text, known = digests(sources), path.is_file()
    if not known or path.read_text() != text:
        with whole_file(path) as temporary:
            temporary.write_text(text)
            if not known:
                # A list that is lost and made again is no news. A changed one is, also where its
                # sources are old: a package may be put back to an earlier version.
                youngest = max(source.stat().st_mtime_ns for source in sources.values())
                os.utime(temporary, ns=(youngest, youngest))
    return path


def digests(sources: Mapping[str, Path]) -> str:
    """A line for each of some files: its digest, and the name it is given."""
    return "".join(f"{_digest(path)}  {name}\n" for name, path in sources.items())


def _digest(path: Path) -> str:
    """The digest of a file, computed once: most files are in many lists."""
    seen = path.stat()
    return _digest_of(path, seen.st_mtime_ns, seen.st_size)


@cache
def _digest_of(path: Path, *_: int) -> str:
    return sha256(path)


def sources_of(*modules: str) -> list[Path]:
    """The files of modules and of all they import from the library, sorted."""
    found: set[Path] = set()
    queue = [f"dynsparse.{name}" for name in modules]
    while queue:
        source = _source(PACKAGE, queue.pop())
        if source and source not in found:
            found.add(source)
            queue += imports_of(source)
    return sorted(found)


@cache
def _source(package: Path, name: str) -> Path | None:
    """The file of a module, if that is what a name means."""
    path = package.joinpath(*name.split(".")[1:])
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return source if source.is_file() else None


@cache
def imports_of(source: Path) -> tuple[str, ...]:
    """Names that a file imports from the library; some are modules, some what is in them."""
    found = IMPORT.findall(COMMENT.sub("", source.read_text()))
    return tuple(
        name
        for module, several, one in found
        for name in (module, *(f"{module}.{each}" for each in NAME.findall(several or one)))
    )
