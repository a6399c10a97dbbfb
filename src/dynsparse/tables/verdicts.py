"""What stops a study: a verification table, judged."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pyarrow as pa

from dynsparse.errors import DynsparseError

# The share of elements that differences need not decide, of steps without a Jacobian, and of steps
# that a solver which was cut off ends elsewhere for rounding alone.
FEW = 0.01
# The share of verified samples that may lie at kinks and jumps, where nothing is compared. Of the
# environments tried, HumanoidWalk has one in forty; a sample of forty then has five (more
# than this share) three times in a thousand.
ROUGH = 0.1

# Where MJX as shipped is known to step elsewhere than MuJoCo's C engine although both solved the
# step; `simulator.solver: converged` mends all of it (docs/mjx.md). Tasks of one model have one
# step (docs/environments.md).
_CAPSULES = (
    *("BallInCup", "FingerSpin", "FingerTurnEasy", "FingerTurnHard"),
    *("HopperHop", "HopperStand", "HopperV5"),
)
_HUMANOIDS = ("HumanoidRun", "HumanoidStand", "HumanoidWalk", "HumanoidV5", "HumanoidStandupV5")
KNOWN = {
    "AntV5": "MJX turns friction under steep capsules otherwise",
    **dict.fromkeys(_CAPSULES, "MJX's closest points on capsules are off by a constant"),
    **dict.fromkeys(_HUMANOIDS, "closest points on capsules, and friction under steep ones"),
    **dict.fromkeys(
        ("PandaOpenCabinet", "PandaPickCube", "PandaPickCubeOrientation"),
        "MJX damps by actuators at the limit of their force",
    ),
    **dict.fromkeys(("WalkerRun", "WalkerStand", "WalkerWalk"), "MJX keeps four contacts"),
}

Row = Mapping[str, Any]


def require_verified(
    table: pa.Table, least_share: float, accepted: Mapping[str, Collection[str]], solver: str
) -> None:
    """Refuse what verification found wrong, or could not decide.

    Args:
        table: what ``verification_table`` made.
        least_share: the least share of samples that have to be right.
        accepted: per environment the checks, of ``CHECKS``, that may fail there.
        solver: the simulator's constraint solver; what is ``KNOWN`` of the shipped one may fail.

    Raises:
        DynsparseError: names each environment that failed, the check, and where.
    """
    if not 0 <= least_share <= 1:  # nor is not-a-number
        raise DynsparseError(
            f"verification.least_share_right is {least_share}; a number from 0 to 1 is needed"
        )
    rows = [row for row in table.to_pylist() if row["stored"]]
    if not rows:
        raise DynsparseError("verification: there is no stored Jacobian in the table")
    known = set(KNOWN) if solver == "as_shipped" else set()
    failed = [
        f"{row['environment']} ({row['behaviour']}, {row['method']}), {check}: {reason}"
        for row in rows
        for check, look in CHECKS.items()
        if check not in accepted.get(row["environment"], ())
        and not (check == "engine" and row["environment"] in known)
        for reason in [look(row, least_share)]
        if reason
    ]
    if failed:
        raise DynsparseError(
            f"not verified: {'; '.join(failed)} (docs/verification.md; what is known and meant may"
            " be named in verification.accept, as {Environment: [check]})"
        )


def _on_c_engine(row: Row) -> bool:
    """Whether the C engine made the file, so that there is no other engine to compare it with."""
    return row["engine_compared"] is None


def _jacobians(row: Row, least_share: float) -> str | None:
    """What is wrong with the Jacobians, by differences of the same step."""
    if row["share_right"] is None:
        return "every checked sample is at a kink or a jump; raise verification.samples"
    if row["share_without_jacobian"] > FEW:
        return f"{row['share_without_jacobian']:.2%} of the steps have no finite Jacobian"
    if row["share_right"] < least_share:
        return f"{row['share_right']:.4f} of the samples right, worst {row['worst_element']}"
    if row["share_same_zeros"] < 1:
        missed = 1 - row["share_same_zeros"]
        return f"{missed:.2%} of the samples have other zeros, worst {row['worst_element']}"
    if row["share_undecided"] > (ROUGH if _on_c_engine(row) else FEW):
        return f"differences cannot decide {row['share_undecided']:.2%} of the elements"
    return None


def _repeats(row: Row, _: float) -> str | None:
    """Which steps are no function of state, action and memory."""
    if row["unsteady"] > FEW * row["steps"]:
        return (
            f"rounding alone decides where {row['unsteady']} of {row['steps']} steps lead, worst"
            f" {row['unsteady_at']}; simulator.solver: converged iterates to the optimum"
        )
    if not row["unrepeated"]:
        return None
    return (
        f"{row['unrepeated']} of {row['steps']} steps do not repeat, worst {row['unrepeated_at']};"
        " the step depends on more than state, action and memory"
    )


def _engine(row: Row, _: float) -> str | None:
    """Where MuJoCo's C engine steps elsewhere although both engines solved the step."""
    if _on_c_engine(row):
        return None
    if not row["engine_compared"]:
        return "no step could be compared with MuJoCo's C engine: none was solved by both"
    if not row["engine_differs"]:
        return None
    return (
        f"MJX and MuJoCo's C engine differ in {row['engine_differs']} of {row['engine_compared']}"
        f" steps that both solved, worst {row['engine_differs_at']}"
    )


def _smooth(row: Row, _: float) -> str | None:
    """Whether most samples have a derivative to compare with; one of a few may have none.

    First steps of episodes are few, and drawn on purpose: where a ball begins just touching the
    floor, all of them are at a kink.
    """
    rough = row["kinks"] + row["jumps"] - row["rough_starts"]
    samples = row["samples"] - row["starts"]
    if rough <= max(1, ROUGH * samples):
        return None
    return (
        f"{rough} kinks and jumps among {samples} samples after an episode's first, which have no"
        f" derivative to compare with; more than {ROUGH:.0%} are too many to judge by the rest"
    )


def _episodes(row: Row, _: float) -> str | None:
    """Whether episodes are whole, and no two of them the same."""
    if row["broken"]:
        return f"{row['broken']} steps do not start where the last one of their episode ended"
    if row["twins"]:
        return f"{row['twins']} episodes begin and act as an earlier one; they count twice"
    return None


def _flags(row: Row, _: float) -> str | None:
    """Whether stored flags are those of the steps; rounding may decide a few that barely touch."""
    if row["other_flags"] <= FEW * row["steps"]:
        return None
    return (
        f"contacts, limits or friction losses are not those of {row['other_flags']} of"
        f" {row['steps']} steps taken again, first {row['other_flags_at']}"
    )


def _file(row: Row, _: float) -> str | None:
    """What is wrong with a file that the C engine made, by ``dynsparse verify``."""
    return row["refused"]


CHECKS: dict[str, Callable[[Row, float], str | None]] = {
    "jacobians": _jacobians,
    "smooth": _smooth,
    "repeats": _repeats,
    "engine": _engine,
    "episodes": _episodes,
    "flags": _flags,
    "file": _file,
}
