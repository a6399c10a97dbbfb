"""Does who finds the graph predict better? Skill against error, one mark per network."""

import itertools
from collections.abc import Sequence

import pyarrow as pa
from matplotlib.figure import Figure

from dynsparse.figures.learned import legend_below, log_scale, looks
from dynsparse.figures.style import panels, styled
from dynsparse.tables.learned import (
    cases,
    healthy,
    networks,
    of_case,
    ordered,
    select,
    series,
    trained,
)

# As many as are not a multiple of colours, so that no two learners look alike.
MARKS = "osD^v<>PX*hd"
KEY = ["number", "seed"]


@styled()
def figure_architectures(
    curves: pa.Table, recovery: pa.Table, split: str, plain: Sequence[str]
) -> Figure:
    """Error of the next state over skill in finding zeros, one panel per environment.

    Args:
        curves: tables of kind ``learning_curves`` of all environments and learners.
        recovery: likewise of kind ``learning_recovery``.
        split: which kind of split is shown.
        plain: the learners that go by the paper's labels.

    Returns:
        A mark for each split and seed of a learner. Skill is by the size of the Jacobian's
        elements, of all elements: 0 is the mean pattern's, 1 has no wrong element.
    """
    mine = select(curves, split=split)
    ends, styles = trained(healthy(mine)), looks(mine, plain)
    marks = dict(zip(networks(mine), itertools.cycle(MARKS), strict=False))
    wanted = {"split": split, "elements": "all", "regime": "all", "average": "micro"}
    scores = select(recovery, source="model", **wanted)
    shown = cases(ends)
    figure, axes = panels(max(len(shown), 1), height_in=2.4)
    for panel, case in zip(axes, shown, strict=False):
        errors, skills = of_case(ends, case), of_case(scores, case)
        for name in networks(errors):
            its_error, its_skill = (ordered(select(t, learner=name)) for t in (errors, skills))
            assert its_error.select(KEY).equals(its_skill.select(KEY)), "networks are the same"
            panel.plot(
                series(its_skill, "skill"),
                series(its_error, "test_state_mse"),
                marks[name],
                color=styles[name].colour,
                label=styles[name].label,
                markersize=4,
                alpha=0.8,
            )
        panel.axvline(0.0, color="0.6", linewidth=0.8)
        log_scale(panel)
        panel.set_title("{} ({})".format(*case))
        panel.set_xlabel("skill over the mean pattern")
    figure.supylabel("mean squared error\n[variances]", fontsize=8)
    legend_below(figure)
    return figure
