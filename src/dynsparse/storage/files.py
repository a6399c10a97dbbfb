"""Files that appear whole under their final name, or not at all."""

import errno
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TextIO

from dynsparse.errors import DynsparseError

# What a file system without locks answers.
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


@contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` if the block succeeds.

    The name ends like ``path``, since many writers choose their format by it. What a killed
    process has left under such a name is removed.

    Raises:
        DynsparseError: the file cannot be written (full disk, no permission).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        # By number where there is one: libraries write texts of their own.
        reason = os.strerror(error.errno) if error.errno else error
        raise DynsparseError(f"{path}: cannot be written: {reason}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Check that files can be made in a folder, which is made if it is not there.

    Raises:
        DynsparseError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DynsparseError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of ``path`` whose processes are dead."""
    name = re.compile(rf"\.{re.escape(path.stem)}\.(\d+){re.escape(path.suffix)}")
    for item in list(path.parent.iterdir()):
        match = name.fullmatch(item.name)
        if match and not Path("/proc", match[1]).exists():
            item.unlink(missing_ok=True)


def sha256(path: Path | str) -> str:
    """Hexadecimal SHA-256 of a file's bytes, read in blocks."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(text: str | bytes) -> Any:
    """What JSON text holds; it may be a stranger's.

    Raises:
        ValueError: it is no JSON, or nested so deeply that it cannot be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def lock(file: TextIO, how: int) -> bool:
    """Lock an open file by ``flock``; whether the lock was obtained.

    It lasts as long as the file is open in this process, however that ends. On a file system
    without locks it is always obtained.

    Args:
        file: the file.
        how: one of ``fcntl.LOCK_EX``, ``LOCK_SH`` and ``LOCK_UN``; with ``LOCK_NB``, not to wait.
    """
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return True
