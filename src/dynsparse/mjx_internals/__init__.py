"""The one package that touches what MJX does not document; a test holds it to the release.

Everything here is written for the layout of ``mjx.Data`` of the JAX implementation.
"""

from dynsparse.mjx_internals.at_rest import smooth_at_rest
from dynsparse.mjx_internals.facts import (
    active_constraints,
    collision_pairs,
    limited_forces,
    named_row_count,
    pieces,
    touching_pairs,
)
from dynsparse.mjx_internals.line_search import searches_by_their_minimum
from dynsparse.mjx_internals.mends import (
    bodies_computed_once,
    exact_closest_points,
    exact_solver_norm,
    frames_along_capsules,
    saturated_actuators,
    settled_line_search,
)
from dynsparse.mjx_internals.rules import (
    REACHED_SHARE,
    SolveRule,
    hybrid_solve,
    known_solution,
    solver_converged,
    solver_rule,
    unrolled_solve,
)
from dynsparse.mjx_internals.solves import solves_by_products
from dynsparse.mjx_internals.stages import known_solutions, stages_in_a_loop, step_with_solves

__all__ = [
    "REACHED_SHARE",
    "SolveRule",
    "active_constraints",
    "bodies_computed_once",
    "collision_pairs",
    "exact_closest_points",
    "exact_solver_norm",
    "frames_along_capsules",
    "hybrid_solve",
    "known_solution",
    "known_solutions",
    "limited_forces",
    "named_row_count",
    "pieces",
    "saturated_actuators",
    "searches_by_their_minimum",
    "settled_line_search",
    "smooth_at_rest",
    "solver_converged",
    "solver_rule",
    "solves_by_products",
    "stages_in_a_loop",
    "step_with_solves",
    "touching_pairs",
    "unrolled_solve",
]
