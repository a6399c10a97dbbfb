"""The verification table and the gate behind it."""

import numpy as np
import pyarrow as pa
import pytest

from dynsparse.errors import DynsparseError
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.verdicts import CHECKS, require_verified
from dynsparse.tables.verification import RIGHT, verification_table
from dynsparse.verification.replay import SCHEMA as REPLAY
from dynsparse.verification.verify import SCHEMA

SOLVER = "converged"


def samples(error, kink=(), jump=(), **changes):
    n = len(error)
    columns = {
        "environment": ["FingerSpin"] * n,
        "behaviour": ["random"] * n,
        "seed": [0] * n,
        "method": ["unrolled"] * n,
        "stored": [True] * n,
        "episode": np.zeros(n, np.int32),
        "step": np.arange(n, dtype=np.int32),
        "stratum": ["free"] * n,
        "kink": np.isin(np.arange(n), kink),
        "jump": np.isin(np.arange(n), jump),
        "error": np.asarray(error, float),
        "worst_element": [f"row {k} / column {k}" for k in range(n)],
        "elements": np.full(n, 4, np.int32),
        "wrong_elements": (np.asarray(error, float) > RIGHT).astype(np.int32),
        "missed_elements": np.zeros(n, np.int32),
        "invented_elements": np.zeros(n, np.int32),
        "undecided_elements": np.zeros(n, np.int32),
        "engine_replay_error": np.linspace(0, 2e-8, n),
        "engine_error": np.asarray(error, float),
    }
    table = pa.table({**columns, **changes}, schema=SCHEMA)
    return with_metadata(table, "verification", sources=["x"])


def replayed(**changes):
    row = {
        "environment": "FingerSpin",
        "behaviour": "random",
        "seed": 0,
        "episode": 0,
        "steps": 10,
        "without_jacobian": 0,
        "replayed": 9,
        "max_replay_error": 0.5,
        "unrepeated": 0,
        "engine_replayed": 6,
        "converged": 4,
        "engine_replayed_converged": 4,
        "engine_compared": 4,
        "engine_differs": 0,
        "unsteady": 0,
        "broken": 0,
        "other_flags": 0,
        "trajectory": "one",
    }
    second = {**row, "episode": 1, "replayed": 10, "max_replay_error": 0.0, "trajectory": "two"}
    rows = [row, {**second, **changes}]
    return with_metadata(pa.Table.from_pylist(rows, schema=REPLAY), "replay", sources=["x"])


def test_errors_are_summarised_away_from_kinks_and_jumps():
    table = verification_table([samples([1e-9, 1e-8, 5.0, 7.0], kink=[2], jump=[3])], [replayed()])
    row = table.to_pylist()[0]
    assert (row["samples"], row["kinks"], row["jumps"]) == (4, 1, 1)
    assert row["max_error"] == 1e-8
    assert row["share_right"] == 1.0
    assert row["worst_element"] == "row 1 / column 1"


def test_replays_of_whole_files_are_summed():
    (row,) = verification_table([samples([1e-9])], [replayed()]).to_pylist()
    assert (row["steps"], row["share_replayed"], row["max_replay_error"]) == (20, 0.95, 0.5)
    assert (row["share_converged"], row["share_replayed_by_engine"]) == (0.4, 0.6)
    assert row["share_converged_replayed_by_engine"] == 1.0


def test_flags_that_are_not_the_steps_are_told():
    told = replayed(other_flags=3, other_flags_at="x")
    (row,) = verification_table([samples([1e-9])], [told]).to_pylist()
    assert (row["other_flags"], row["other_flags_at"]) == (3, "x")


def test_shares_of_converged_steps_are_null_where_none_has():
    none = replayed(converged=0, engine_replayed_converged=0).slice(1)
    (row,) = verification_table([samples([1e-9])], [none]).to_pylist()
    assert row["share_converged"] == 0
    assert row["share_converged_replayed_by_engine"] is None
    silent = replayed(converged=None, engine_replayed_converged=None).slice(1)
    (row,) = verification_table([samples([1e-9])], [silent]).to_pylist()
    assert row["share_converged"] is None


def test_other_methods_have_rows_of_their_own_and_no_say():
    other = samples([2.0])
    for name, value in (("method", pa.array(["other"])), ("stored", pa.array([False]))):
        other = other.set_column(other.column_names.index(name), name, value)
    both = pa.concat_tables([samples([1e-9]), other])
    table = verification_table([both.replace_schema_metadata(other.schema.metadata)], [replayed()])
    assert table["method"].to_pylist() == ["unrolled", "other"]
    assert table["share_right"].to_pylist() == [1.0, 0.0]
    require_verified(table, 0.999, {}, SOLVER)


def test_a_table_of_kinks_alone_has_no_errors_and_is_refused():
    table = verification_table([samples([1.0, 1.0], kink=[0], jump=[1])], [replayed()])
    assert table["share_right"].to_pylist() == [None]
    with pytest.raises(DynsparseError, match=r"FingerSpin \(random, unrolled\), jacobians: every"):
        require_verified(table, 0.999, {}, SOLVER)
    require_verified(table, 0.999, {"FingerSpin": ["jacobians", "smooth"]}, SOLVER)


def test_wrong_jacobians_are_refused_by_name_unless_accepted():
    table = verification_table([samples([1e-9, 2.0])], [replayed()])
    with pytest.raises(DynsparseError, match=r"FingerSpin .*0\.5000 of .* right, worst row 1 / "):
        require_verified(table, 0.999, {}, SOLVER)
    require_verified(table, 0.999, {"FingerSpin": ["jacobians"]}, SOLVER)
    require_verified(table, 0.5, {}, SOLVER)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"missed_elements": [1, 0]}, "50.00% of the samples have other zeros"),
        ({"invented_elements": [0, 1]}, "50.00% of the samples have other zeros"),
        ({"undecided_elements": [4, 0]}, "cannot decide 50.00% of the elements"),
    ],
)
def test_a_zero_that_is_none_and_what_is_undecided_are_refused_whatever_the_share(changes, message):
    changed = {name: np.array(values, np.int32) for name, values in changes.items()}
    table = verification_table([samples([1e-9, 1e-9], **changed)], [replayed()])
    with pytest.raises(DynsparseError, match=message):
        require_verified(table, 0.0, {}, SOLVER)


@pytest.mark.parametrize(
    ("check", "changes", "message"),
    [
        (
            "repeats",
            {"unrepeated": 2, "unrepeated_by": 7.6},
            "2 of 20 steps do not repeat, worst x",
        ),
        ("engine", {"engine_differs": 3, "engine_differs_by": 1.0}, "differ in 3 of 8 .*worst x"),
        ("jacobians", {"without_jacobian": 5}, "25.00% of the steps have no finite Jacobian"),
        ("repeats", {"unsteady": 1, "unsteady_by": 0.1}, "rounding alone decides where 1 of 20"),
        ("episodes", {"broken": 1}, "1 steps do not start where the last one"),
        ("flags", {"other_flags": 1}, "1 of 20 steps taken again, first x"),
        ("episodes", {"trajectory": "one"}, "1 episodes begin and act as an earlier one"),
    ],
)
def test_what_the_replay_finds_is_refused_unless_accepted(check, changes, message):
    at = {f"{name}_at": "x" for name in ("unrepeated", "unsteady", "engine_differs", "other_flags")}
    table = verification_table([samples([1e-9])], [replayed(**changes, **at)])
    with pytest.raises(DynsparseError, match=rf"FingerSpin.*{check}: .*{message}"):
        require_verified(table, 0.999, {"FingerSpin": CHECKS.keys() - {check}}, SOLVER)
    require_verified(table, 0.999, {"FingerSpin": [check]}, SOLVER)


def test_an_engine_that_compared_nothing_is_refused():
    nothing = replayed(converged=0, engine_compared=0).slice(1)
    table = verification_table([samples([1e-9])], [nothing])
    with pytest.raises(DynsparseError, match="no step could be compared with MuJoCo's C engine"):
        require_verified(table, 0.999, {}, SOLVER)


@pytest.mark.parametrize(("starts", "refused"), [(3, False), (1, True)])
def test_first_steps_at_kinks_are_not_counted(starts, refused):
    """Three kinks among eight samples: too many, unless they begin episodes (a ball that rests)."""
    strata = ["start"] * starts + ["free"] * (8 - starts)
    found = samples([1e-9] * 8, kink=range(3), stratum=strata)
    table = verification_table([found], [replayed()])
    (row,) = table.to_pylist()
    assert (row["samples"], row["kinks"], row["starts"], row["rough_starts"]) == (
        8,
        3,
        starts,
        starts,
    )
    assert (CHECKS["smooth"](row, 0.999) is not None) == refused


@pytest.mark.parametrize(
    ("kinks", "jumps", "count", "refused"),
    [(0, 1, 4, False), (1, 1, 4, True), (2, 2, 40, False), (2, 3, 40, True), (0, 36, 40, True)],
)
def test_a_table_of_kinks_and_jumps_is_not_judged_by_the_rest(kinks, jumps, count, refused):
    found = samples([1e-9] * count, kink=range(kinks), jump=range(kinks, kinks + jumps))
    table = verification_table([found], [replayed()])
    if not refused:
        require_verified(table, 1.0, {}, SOLVER)
        return
    with pytest.raises(
        DynsparseError, match=f"smooth: {kinks + jumps} kinks and jumps among {count} samples"
    ):
        require_verified(table, 1.0, {}, SOLVER)
    require_verified(table, 1.0, {"FingerSpin": ["smooth"]}, SOLVER)


@pytest.mark.parametrize("share", [float("nan"), float("inf"), -0.1])
def test_a_share_that_is_none_verifies_nothing(share):
    table = verification_table([samples([1e-9])], [replayed()])
    with pytest.raises(DynsparseError, match="from 0 to 1"):
        require_verified(table, share, {}, SOLVER)


def test_a_table_without_stored_jacobians_is_refused():
    table = verification_table([samples([1e-9], stored=[False])], [replayed()])
    with pytest.raises(DynsparseError, match="no stored Jacobian"):
        require_verified(table, 0.999, {}, SOLVER)


def test_what_is_known_of_the_shipped_solver_does_not_stop_a_study():
    differs = replayed(engine_differs=3, engine_differs_by=1.0, engine_differs_at="x")
    table = verification_table([samples([1e-9])], [differs])
    require_verified(table, 0.999, {}, "as_shipped")
    with pytest.raises(DynsparseError, match="engine: MJX and MuJoCo's C engine differ"):
        require_verified(table, 0.999, {}, "converged")
