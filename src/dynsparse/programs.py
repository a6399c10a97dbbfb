"""Programs that are traced once on a machine: kept on disk, and read back by later processes.

JAX's own cache keeps what XLA compiled, and finds it only when the program has been traced again,
which takes longer than to run it. Here the traced program itself is kept (``jax.export``), in a
folder within that cache. A file is used only where all that decides the program is the same, and
each of its bytes is as it was written; any other is made anew. Nothing in it is unpickled.
"""

import hashlib
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from dynsparse.errors import DynsparseError
from dynsparse.precision import current_precision, precision, settings_in_force
from dynsparse.running.code_digests import PACKAGE, sources_of
from dynsparse.storage.files import sha256, whole_file

# What a file begins with; another layout of files is another number.
FORMAT = b"dynsparse program 1\n"
# Whose code programs are traced from, beside our own.
PACKAGES = ("jax", "jaxlib", "mujoco", "mujoco-mjx", "playground", "brax", "numpy", "scipy")
# What XLA is told where a program is for a few samples, on a CPU. It is compiled in a third to a
# half of the time, and takes about two to four times as long to run (benchmarks/compiling.py).
# Both together are wrong where a solver goes on to its optimum: see
# ``dynsparse.jacobians.batches.few``.
QUICKLY = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
# A program that nobody has asked for in this time is removed.
FORGOTTEN_AFTER_S = 60 * 24 * 3600

Program = Callable[..., Any]


def kept(
    name: str, module: str, function: Program, identity: Any, quickly: bool = False
) -> Program:
    """``function``, compiled, and traced only where no file has it for such arguments.

    Without a cache folder (``jax_compilation_cache_dir``), or where a source has been edited since
    this process began, it is compiled as by ``jax.jit``.

    Args:
        name: the beginning of the file's name, for people.
        module: the module that it is in; with all that this imports from the library, its sources.
        function: takes trees of arrays, and gives tuples, lists and dictionaries of arrays.
        identity: all else that decides what is traced, such as the model; see ``digest``. None:
            that cannot be told, so nothing is kept.
        quickly: compile quickly, for a program that runs longer (``QUICKLY``).
    """
    compiled = partial(jax.jit, compiler_options=on_cpu(QUICKLY) if quickly else None)
    traced, programs, lock = compiled(function), {}, Lock()

    def call(*arguments: Any) -> Any:
        folder = _folder()
        if identity is None or folder is None:
            return traced(*arguments)
        leaves, structure = jax.tree.flatten(arguments)
        shapes = [jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)) for x in leaves]
        arrays = [[list(x.shape), str(x.dtype)] for x in shapes]
        called = digest([arrays, str(structure), current_precision(), settings_in_force()])
        # Threads that ask at once wait for the first to have it.
        with lock:
            if called not in programs:
                programs[called] = made(folder, called, structure, shapes)
        program = programs[called]
        return program(*leaves) if program else traced(*arguments)

    def made(folder: Path, called: bytes, structure: Any, shapes: list[Any]) -> Program | None:
        code = code_state(module)
        if code is None:
            return None
        key = digest([name, called, identity, code, _device()])
        path = folder / f"{name}-{key.hex()[:20]}.program"
        flat = jax.jit(lambda *leaves: function(*jax.tree.unflatten(structure, leaves)))
        return compiled(_exported(path, key, flat, shapes).call)

    return call


def on_cpu(options: dict[str, Any]) -> dict[str, Any] | None:
    """What XLA is told, where it compiles for a CPU and knows of all of it."""
    told = tuple(options.items())
    return options if jax.default_backend() == "cpu" and _known(told) else None


@cache
def _known(options: tuple[tuple[str, Any], ...]) -> bool:
    try:
        # Whatever JAX's settings are where this is asked first.
        with precision("float64"):
            jax.jit(lambda x: x, compiler_options=dict(options))(0.0)
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return False
    return True


def _exported(path: Path, key: bytes, function: Any, shapes: list[Any]) -> export.Exported:
    payload = _read(path, key)
    if payload is None:
        exported = export.export(function)(*shapes)
        _write(path, key, bytes(exported.serialize()))
        return exported
    # JAX hands LAPACK to XLA as it lowers the first program that calls it. One that is read back
    # is not lowered, and without LAPACK its call ends the process.
    jax.jit(jnp.linalg.cholesky).lower(jax.ShapeDtypeStruct((1, 1), "float32"))
    return export.deserialize(bytearray(payload))


def _read(path: Path, key: bytes) -> bytes | None:
    """What was kept under this key; None if it is not there, or not whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):
        os.utime(path)
    payload = content[len(_sealed(key, b"")) :]
    return payload if content == _sealed(key, payload) else None


def _write(path: Path, key: bytes, payload: bytes) -> None:
    """Keep a program for later; where that cannot be done, it is traced again."""
    with suppress(DynsparseError), whole_file(path) as temporary:
        temporary.write_bytes(_sealed(key, payload))
    oldest = time.time() - FORGOTTEN_AFTER_S
    for other in path.parent.glob("*.program"):
        with suppress(OSError):
            if other.stat().st_mtime < oldest:
                other.unlink()


def _sealed(key: bytes, payload: bytes) -> bytes:
    return FORMAT + key + hashlib.sha256(payload).digest() + payload


def _folder() -> Path | None:
    """Where programs are kept: within JAX's cache, if there is one and it is a folder."""
    values = jax.config.values
    folder = values["jax_compilation_cache_dir"]
    in_use = folder and values["jax_enable_compilation_cache"] and "://" not in folder
    return Path(folder, "programs") if in_use else None


def _device() -> list[str]:
    device = jax.devices()[0]
    return [device.platform, device.device_kind]


def code_state(module: str) -> Any:
    """Digests and versions of the code behind a module; None if it was edited as we ran."""
    sources = sources_of(module.removeprefix("dynsparse."))
    digests = {path.relative_to(PACKAGE).as_posix(): sha256(path) for path in sources}
    began = _process_began()
    # By the time of change, which nobody can set back as they can that of modification.
    if began is None or max(path.stat().st_ctime for path in sources) >= began:
        return None
    versions = {name: version(name) for name in PACKAGES}
    return [digests, versions, platform.machine(), sys.version]


@cache
def _process_began() -> float | None:
    """When this process began, in seconds since 1970; None where the system does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return None
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def digest(value: Any) -> bytes:
    """SHA-256 of a tree of arrays, numbers, texts, bytes, mappings, sequences and data classes.

    Raises:
        TypeError: there is something else in it, of which nobody knows what it is.
    """
    found = hashlib.sha256()
    _add(found.update, value)
    return found.digest()


def _add(update: Callable[[bytes], None], value: Any) -> None:
    """Feed a value: its type, its size, then what is in it, so that no two read the same."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise TypeError(f"no digest of an array of {array.dtype}")
        update(f"{kind} {array.dtype.str} {array.shape} ".encode() + array.tobytes())
    elif isinstance(value, bytes):
        update(f"{kind} {len(value)} ".encode() + value)
    elif value is None or isinstance(value, bool | int | float | str):
        _add(update, f"{kind} {value!r}".encode())
    elif isinstance(value, Mapping):
        update(f"{kind} {len(value)} ".encode())
        for pair in value.items():
            _add(update, pair)
    elif isinstance(value, list | tuple):
        update(f"{kind} {len(value)} ".encode())
        for item in value:
            _add(update, item)
    else:
        raise TypeError(f"no digest of {kind}")
