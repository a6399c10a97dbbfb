"""What tests of the explorer share: a small robot, names that would do harm, structural zeros."""

import api_fakes
import mujoco
import numpy as np

from dynsparse.sparsity.structure import Structure, structure_table

CART = """<mujoco><worldbody><geom type="plane" size="4 4 .1"/>
<camera pos="0 -4 1" xyaxes="1 0 0 0 0 1"/>
<body mocap="true" pos="1 0 1"><geom name="target" size=".1"/></body>
<body pos="0 0 1"><joint type="slide" axis="1 0 0"/><geom type="box" size=".2 .15 .1"/>
<body><joint axis="0 1 0"/><geom type="capsule" fromto="0 0 0 0 0 1" size=".05"/>
<site name="tip" pos="0 0 1"/></body></body><site name="nail" pos="0 0 3"/></worldbody>
<tendon><spatial width=".01"><site site="nail"/><site site="tip"/></spatial></tendon></mujoco>"""
# As long as the states of ``api_fakes``.
MODEL = mujoco.MjModel.from_xml_string(CART)
HOSTILE = (
    "qpos:</script><script>document.title='taken'</script> [m]",
    "qpos:<img src=x onerror=\"document.title='taken'\"> [rad]",
    "qvel:$&${title}{{about}}\u2028\u2029\x00\x1b[31m [m/s]",
    "qvel:'\"&lt;--!> [rad/s]",
)


def structure(name, rows=api_fakes.STATES):
    """All elements of the state's Jacobian structural, none of the action's."""
    size = len(rows)
    found = Structure(np.zeros((size, size), bool), np.ones((size, 1), bool), ((),) * size)
    return structure_table(found, name, rows, ("ctrl:slide [1]",))
