"""Programs that are kept: the same results, traced once, and never a stale or a damaged one."""

import copy
import os
import subprocess
import sys
import time
from dataclasses import dataclass, fields, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mujoco import mjx

from dynsparse import programs
from dynsparse.collection import _episode_keys, _rollouts
from dynsparse.environments import Dynamics, load
from dynsparse.environments.identity import environment_identity, simulator_identity
from dynsparse.jacobians import batched_jacobians
from dynsparse.jacobians.steps import batched_steps
from dynsparse.policies.behaviours import make_behaviour
from dynsparse.precision import precision

MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the programs of a test are kept."""
    monkeypatch.setattr(programs, "_folder", lambda: tmp_path / "programs")
    return tmp_path / "programs"


class Traces:
    """A function that counts how often it is traced, as a new process would see it."""

    def __init__(self, shift=0.0):
        self.count, self.shift = 0, shift

    def __call__(self, matrix):
        self.count += 1
        return {"factor": jnp.linalg.cholesky(matrix), "more": (matrix / 3 + self.shift,)}

    def program(self, identity: Any = "a", name="test"):
        return programs.kept(name, "dynsparse.programs", self, identity)


def ask(traces, *arguments, dtype="float64", **named):
    """The results of a program that is not yet loaded, and whether it was traced for them."""
    before = traces.count
    with precision(dtype):
        found = traces.program(**named)(*(arguments or (MATRIX,)))
        return jax.tree.map(np.asarray, found), traces.count > before


def only_file(folder):
    (path,) = folder.glob("*.program")
    return path


def test_a_kept_program_gives_the_same_to_the_last_bit_and_is_not_traced(folder):
    first, traced = ask(Traces())
    again, traced_again = ask(Traces())
    assert (traced, traced_again) == (True, False)
    with precision("float64"):
        plain = jax.jit(Traces())(MATRIX)
    assert jax.tree.structure(first) == jax.tree.structure(again) == jax.tree.structure(plain)
    for found in (first, again):
        jax.tree.map(np.testing.assert_array_equal, found, plain)
    assert first["factor"].dtype == again["factor"].dtype == np.float64


def test_what_is_compiled_quickly_is_the_same_to_rounding(folder):
    with precision("float64"):
        quick = programs.kept("test", "dynsparse.programs", Traces(), "a", quickly=True)(MATRIX)
        well = programs.kept("test", "dynsparse.programs", Traces(), "a")(MATRIX)
    # A factor of two by two takes a handful of operations.
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-15), quick, well)


def test_xla_is_asked_to_be_quick_where_it_is_a_cpus_and_knows_how(monkeypatch):
    def told(quickly):
        given.clear()
        programs.kept("test", "dynsparse.programs", Traces(), None, quickly)
        return given

    def jit(function, compiler_options=None):
        given.append(compiler_options)
        return real(function, compiler_options=compiler_options)

    given: list[Any] = []
    real = jax.jit
    monkeypatch.setattr(programs.jax, "jit", jit)
    programs._known.cache_clear()
    assert told(False) == [None]
    assert told(True)[-1] == programs.QUICKLY
    monkeypatch.setattr(programs.jax, "default_backend", lambda: "gpu")
    assert told(True) == [None]
    monkeypatch.undo()
    # Whatever JAX is told where it is asked first.
    programs._known.cache_clear()
    with jax.transfer_guard("disallow"), jax.debug_nans(True):
        assert programs.on_cpu(programs.QUICKLY) == programs.QUICKLY
    # Another XLA may not know such an option.
    assert programs.on_cpu({"xla_cpu_no_such_option": True}) is None


@dataclass
class Model:
    mass: np.ndarray
    iterations: int


def model(mass=1.0, iterations=4):
    return Model(np.array([mass, 2.0]), iterations)


@pytest.mark.parametrize(
    "changes",
    [
        {"identity": model(1 + 1e-15)},
        {"identity": model(iterations=5)},
        {"identity": [model()]},
        {"name": "other"},
        {"dtype": "float32"},
    ],
)
def test_another_model_name_or_precision_is_another_program(folder, changes):
    same = {"identity": model()}
    assert ask(Traces(), **same)[1]
    assert not ask(Traces(), **same)[1]
    assert ask(Traces(), **{**same, **changes})[1]
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    "argument", [np.eye(3), np.stack([MATRIX, MATRIX]), MATRIX.astype(np.float32)]
)
def test_arguments_of_another_shape_or_kind_are_another_program(folder, argument):
    assert ask(Traces(), MATRIX)[1]
    assert ask(Traces(), argument)[1]
    assert not ask(Traces(), argument)[1]


def test_arguments_put_together_otherwise_are_another_program(folder):
    ask_for = ({"a": MATRIX, "b": MATRIX}, {"a": MATRIX, "c": MATRIX}, (MATRIX, MATRIX))
    traced = []

    def function(tree):
        traced.append(1)
        return jax.tree.leaves(tree)

    for tree in (*ask_for, *ask_for):
        programs.kept("test", "dynsparse.programs", function, "a")(tree)
    assert len(traced) == 3


def test_another_version_is_another_program(folder, monkeypatch):
    assert ask(Traces())[1]
    for package in programs.PACKAGES:
        with monkeypatch.context() as patch:
            patch.setattr(programs, "version", lambda name, p=package: "0" if name == p else "1")
            assert ask(Traces())[1]
            assert not ask(Traces())[1]


def test_another_device_or_format_is_another_program(folder, monkeypatch):
    assert ask(Traces())[1]
    with monkeypatch.context() as patch:
        patch.setattr(programs, "_device", lambda: ["cpu", "another"])
        assert ask(Traces())[1]
    monkeypatch.setattr(programs, "FORMAT", b"dynsparse program 0\n")
    assert ask(Traces())[1]


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A library of one module, older than this process."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "module.py").write_text("x = 1\n")
    monkeypatch.setattr(programs, "PACKAGE", package)
    monkeypatch.setattr(programs, "sources_of", lambda module: [package / f"{module}.py"])
    monkeypatch.setattr(programs, "_process_began", lambda: float("inf"))
    return package / "module.py"


def of_module(traces):
    before = traces.count
    programs.kept("test", "dynsparse.module", traces, "a")(MATRIX)
    return traces.count > before


def test_another_source_is_another_program(folder, source):
    assert of_module(Traces())
    assert not of_module(Traces())
    source.write_text("x = 2\n")
    assert of_module(Traces())
    source.write_text("x = 1\n")
    assert not of_module(Traces())


def test_what_was_edited_as_the_process_ran_is_neither_read_nor_kept(folder, source, monkeypatch):
    assert of_module(Traces())
    # Its time of modification may be set back; what this process has loaded is not what is there.
    os.utime(source, (0, 0))
    monkeypatch.setattr(programs, "_process_began", lambda: source.stat().st_ctime)
    assert of_module(Traces())
    assert len(list(folder.iterdir())) == 1


def test_the_time_at_which_this_process_began():
    process = "import time; from dynsparse.programs import _process_began as began; print(began())"
    before = time.time()
    began = float(subprocess.check_output([sys.executable, "-c", process], text=True))
    # The kernel counts in hundredths of a second.
    assert before - 0.1 < began < time.time()


def cut(content, at):
    return content[:at]


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("damage", [cut, flipped])
def test_a_damaged_program_is_made_anew(folder, damage, share):
    sound, _ = ask(Traces())
    path = only_file(folder)
    content = path.read_bytes()
    path.write_bytes(damage(content, int(share * len(content))))
    found, traced = ask(Traces())
    assert traced
    jax.tree.map(np.testing.assert_array_equal, found, sound)
    assert path.read_bytes()[: len(programs.FORMAT) + 32] == content[: len(programs.FORMAT) + 32]
    assert not ask(Traces())[1]


def test_every_byte_counts(folder):
    ask(Traces())
    path = only_file(folder)
    content = path.read_bytes()
    key = content[len(programs.FORMAT) : len(programs.FORMAT) + 32]
    assert programs._read(path, key) is not None
    for at in range(0, len(content), 7):
        path.write_bytes(flipped(content, at))
        assert programs._read(path, key) is None
    path.write_bytes(content + b"\0")
    assert programs._read(path, key) is None


def test_another_program_under_this_name_is_not_used(folder):
    ask(Traces())
    path = only_file(folder)
    ask(Traces(7.0), identity="b")
    (other,) = set(folder.iterdir()) - {path}
    path.write_bytes(other.read_bytes())
    found, traced = ask(Traces())
    assert traced
    np.testing.assert_array_equal(found["more"][0], MATRIX / 3)


@pytest.mark.parametrize("folder_is", ["a file", "not there"])
def test_where_nothing_can_be_kept_programs_run_all_the_same(tmp_path, monkeypatch, folder_is):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "programs" if folder_is == "a file" else None
    monkeypatch.setattr(programs, "_folder", lambda: place)
    for _ in range(2):
        found, traced = ask(Traces())
        assert traced
        np.testing.assert_array_equal(found["more"][0], MATRIX / 3)


def test_what_cannot_be_told_apart_is_not_kept(folder):
    assert ask(Traces(), identity=None)[1]
    assert not folder.exists()
    with pytest.raises(TypeError, match="no digest"):
        programs.digest([object()])
    with pytest.raises(TypeError, match="no digest"):
        programs.digest(np.array([object()]))


def test_digests_tell_values_apart():
    values = [None, True, 1, 1.0, "1", b"1", [1], (1,), {1: 1}, np.int64(1), np.array([1]), [[1]]]
    values += [["a", "b"], ["ab"], ["a", ["b"]], np.array([[1]]), np.array([1.0]), model()]
    assert len({programs.digest(value) for value in values}) == len(values)


def test_programs_that_nobody_asks_for_are_forgotten(folder):
    ask(Traces())
    old = only_file(folder)
    os.utime(old, (0, 0))
    ask(Traces())
    assert old.stat().st_mtime > 0  # asked for
    os.utime(old, (0, 0))
    ask(Traces(), identity="b")
    assert not old.exists()


ELSEWHERE = """
import sys
from pathlib import Path
import jax, numpy as np
import jax.numpy as jnp
from dynsparse import programs
from dynsparse.precision import precision

programs._folder = lambda: Path(sys.argv[1])
traced = []
def function(matrix):
    traced.append(1)
    low = jnp.linalg.cholesky(matrix)
    return (jax.scipy.linalg.solve_triangular(low, matrix), *jnp.linalg.eigh(matrix))
with precision("float64"):
    found = programs.kept("test", "dynsparse.programs", function, "a")(np.eye(3) + 0.1)
print(len(traced), *(np.asarray(x).tobytes().hex() for x in found))
"""


def test_processes_that_make_the_same_program_at_once_end_well_and_a_later_one_reads_it(tmp_path):
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path)]
    at_once = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in at_once]
    assert [process.returncode for process in at_once] == [0, 0]
    # It has called no LAPACK before: a segmentation fault if that is not seen to.
    later = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert later.startswith("0 ")
    assert {text.split(" ", 1)[1] for text in (*said, later)} == {later.split(" ", 1)[1]}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.fixture(scope="module")
def pendulum():
    return load("PendulumSwingup")


def results(dynamics):
    """A rollout, its Jacobians and its steps, each by a program that is not yet loaded."""
    with precision("float64"):
        actor = make_behaviour("random", dynamics.name, 0)
        rolled = _rollouts(dynamics, actor, 4)(actor.parameters, _episode_keys(0, range(2)))
        seen = (np.asarray(rolled[name]) for name in ("state", "action", "memory"))
        inputs = [values.reshape(8, -1) for values in seen]
        derived = batched_jacobians(dynamics, "implicit", 8)(*inputs)
        return jax.tree.map(np.asarray, (rolled, derived, batched_steps(dynamics)(*inputs)))


def test_an_environments_programs_give_the_same_to_the_last_bit(folder, monkeypatch, pendulum):
    made = results(pendulum)
    assert len(list(folder.iterdir())) == 3
    with monkeypatch.context() as patch:
        patch.setattr(programs.export, "export", None)  # whoever traces fails
        read = results(pendulum)
    monkeypatch.setattr(programs, "_folder", lambda: None)
    plain = results(pendulum)
    for found in (made, read):
        jax.tree.map(np.testing.assert_array_equal, found, plain)


def with_mass(dynamics, factor):
    model = copy.copy(dynamics.mj_model)
    model.body_mass[:] *= factor
    return replace(dynamics, environment=SimpleNamespace(mj_model=model))


def test_what_simulator_steps_depend_on_tells_them_apart(pendulum):
    known = simulator_identity(pendulum)
    assert known == simulator_identity(load("PendulumSwingup"))
    assert known == simulator_identity(with_mass(pendulum, 1.0))
    heavier = mjx.put_model(with_mass(pendulum, 1 + 1e-15).mj_model, impl="jax")
    others = [
        load("PendulumSwingup", "converged"),
        with_mass(pendulum, 1 + 1e-15),
        replace(pendulum, model=heavier),
        replace(pendulum, substeps=pendulum.substeps + 1),
        replace(pendulum, dtype="float32"),
    ]
    found = {known, *map(simulator_identity, others)}
    assert len(found) == 1 + len(others)


def test_what_is_made_elsewhere_is_not_known(pendulum):
    class Elsewhere(Dynamics):
        pass

    other = Elsewhere(**{field.name: getattr(pendulum, field.name) for field in fields(pendulum)})
    assert simulator_identity(other) is None
    assert environment_identity("OwnPendulum", pendulum.environment) is None
    assert environment_identity(pendulum.name, pendulum.environment) is not None
