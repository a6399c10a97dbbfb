"""The verification table and the gate behind it."""

import numpy as np
import pyarrow as pa
import pytest

from dynsparse.errors import DynsparseError
from dynsparse.sparsity.parquet import with_metadata
from dynsparse.tables.verification import require_verified, verification_table
from dynsparse.verification.verify import SCHEMA


def samples(error, kink=(), jump=()):
    n = len(error)
    columns = {
        "environment": ["FingerSpin"] * n,
        "behaviour": ["random"] * n,
        "seed": [0] * n,
        "method": ["unrolled"] * n,
        "episode": np.zeros(n, np.int32),
        "step": np.arange(n, dtype=np.int32),
        "stratum": ["free"] * n,
        "kink": np.isin(np.arange(n), kink),
        "jump": np.isin(np.arange(n), jump),
        "error": np.asarray(error, float),
        "worst_element": [f"row {k} / column {k}" for k in range(n)],
        "missed_elements": np.zeros(n, np.int32),
        "invented_elements": np.zeros(n, np.int32),
        "replay_error": np.zeros(n),
        "engine_replay_error": np.linspace(0, 2e-8, n),
        "engine_error": np.asarray(error, float),
    }
    return with_metadata(pa.table(columns, schema=SCHEMA), "verification", sources=["x"])


def test_errors_are_summarised_away_from_kinks_and_jumps():
    table = verification_table([samples([1e-9, 1e-8, 5.0, 7.0], kink=[2], jump=[3])])
    row = table.to_pylist()[0]
    assert (row["samples"], row["kinks"], row["jumps"]) == (4, 1, 1)
    assert row["max_error"] == 1e-8
    assert row["share_right"] == 1.0
    assert row["worst_element"] == "row 1 / column 1"
    assert row["share_replayed_by_engine"] == 0.5


def test_a_table_of_kinks_alone_has_no_errors():
    row = verification_table([samples([1.0], kink=[0])]).to_pylist()[0]
    assert row["share_right"] is None


def test_wrong_jacobians_are_refused_by_name_unless_accepted():
    table = verification_table([samples([1e-9, 2.0])])
    with pytest.raises(DynsparseError, match=r"FingerSpin .*0\.5000 right, worst row 1 / column 1"):
        require_verified(table, 0.999, [])
    require_verified(table, 0.999, ["FingerSpin"])
    require_verified(table, 0.5, [])
