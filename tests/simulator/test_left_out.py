"""What MJX leaves out without a word is found in the model, feature by feature."""

import re
from pathlib import Path

import mujoco
import pytest
from mujoco import mjx
from packages import EXAMPLE

from dynsparse.environments.left_out import FEATURES, left_out, refuse_left_out
from dynsparse.errors import DynsparseError

DELAY, HISTORY = "delay of {}", "nsample (a history of actuators or sensors)"


def model(joint="", motor="", option="", extra="", geom="", sensor="", tendon="", actuator=""):
    """A slider with a motor, a sensor and a cord, and what a test adds to one of them."""
    actuator = actuator or f'<motor name="m" joint="x" {motor}/>'
    return mujoco.MjModel.from_xml_string(f"""
    <mujoco>
      {option}{extra}
      <worldbody>
        <site name="pin"/>
        <body><joint name="x" type="slide" axis="1 0 0" {joint}/>
          <geom size=".1" mass="1" {geom}/><site name="hook"/></body>
      </worldbody>
      <tendon><spatial {tendon}><site site="pin"/><site site="hook"/></spatial></tendon>
      <actuator>{actuator}</actuator>
      <sensor><jointpos joint="x" {sensor}/></sensor>
    </mujoco>""")


def flags(text):
    return {"option": f"<option><flag {text}/></option>"}


PLUGIN = {
    "extra": '<extension><plugin plugin="mujoco.pid"><instance name="p"/></plugin></extension>',
    "actuator": '<plugin joint="x" plugin="mujoco.pid" instance="p"/>',
}
EARLY = '<general joint="x" dyntype="filter" dynprm="1" actearly="true"/>'
ELLIPSOID = {"geom": 'fluidshape="ellipsoid"'}
GROUP = {"option": '<option actuatorgroupdisable="2"/>'}
USED = [
    ({"option": '<option noslip_iterations="3"/>'}, ["noslip_iterations"]),
    ({"motor": 'delay="0.02" nsample="8"'}, [DELAY.format("actuators"), HISTORY]),
    ({"motor": 'nsample="4"'}, [HISTORY]),
    ({"sensor": 'delay="0.02" nsample="4"'}, [DELAY.format("sensors"), HISTORY]),
    ({"sensor": 'interval="0.01"'}, ["interval of sensors"]),
    ({"motor": 'damping="0.5"'}, ["damping of actuators"]),
    ({"motor": 'damping="0 0 3"'}, ["polynomial damping of actuators"]),
    ({"motor": 'armature="0.1"'}, ["armature of actuators"]),
    ({"actuator": EARLY}, ["actearly"]),
    (GROUP | {"motor": 'group="2"'}, ["actuatorgroupdisable with actuators in that group"]),
    ({"joint": 'stiffness="5 40 80"'}, ["polynomial stiffness of joints"]),
    ({"joint": 'damping="5 40"'}, ["polynomial damping of joints"]),
    ({"tendon": 'stiffness="5 40 80"'}, ["polynomial stiffness of tendons"]),
    ({"tendon": 'damping="5 4"'}, ["polynomial damping of tendons"]),
    (ELLIPSOID | {"option": '<option density="9"/>'}, ["fluidshape ellipsoid"]),
    (PLUGIN, ["plugins"]),
    (flags('sleep="enable"'), ["flag sleep"]),
    (flags('spring="disable"'), ["flag spring or damper alone"]),
    (flags('damper="disable"'), ["flag spring or damper alone"]),
    (flags('multiccd="disable"'), ["flag multiccd"]),
    (flags('nativeccd="disable"'), ["flag nativeccd"]),
]
# What looks like one of them, and changes nothing or is there in MJX.
FINE = [
    {},
    GROUP,
    ELLIPSOID,
    {"joint": 'stiffness="5" damping="2" armature="0.1" frictionloss="0.2"'},
    {"motor": 'group="2" ctrllimited="true" ctrlrange="-1 1"'},
    {"tendon": 'stiffness="5" damping="1" armature="0.1"'},
    {"option": '<option density="9"/>'},
    flags('spring="disable" damper="disable"'),
    flags('eulerdamp="disable" island="disable" midphase="disable" autoreset="disable"'),
]


@pytest.mark.parametrize(("added", "features"), USED)
def test_a_feature_that_mjx_leaves_out_is_named(added, features):
    used = model(**added)
    assert left_out(used) == features
    with pytest.raises(DynsparseError, match="'Robot': its model uses .*, which MJX leaves out"):
        refuse_left_out("Robot", used)


def test_each_feature_has_a_model():
    assert {name for _, features in USED for name in features} == set(FEATURES)


@pytest.mark.parametrize("added", FINE)
def test_what_mjx_has_is_fine(added):
    assert left_out(model(**added)) == []


def test_the_example_is_fine():
    xml = re.search(r"<mujoco.*?</mujoco>", EXAMPLE.read_text(), re.DOTALL)[0]
    assert left_out(mujoco.MjModel.from_xml_string(xml)) == []


# Fields that MJX does not read and no step of the C engine depends on: pictures, names, what the
# compiler or a sparse matrix library wants, sizes; collision trees, which change speed alone.
HARMLESS = re.compile(
    r"(light|mat|tex|text|skin|key|tuple|name|vis|paths|oct|bvh|tree|map|cam)_?\w*"
    r"|(B|D|M|ten_J)_\w+|[nN][A-Z]?\w*|\w+_(user|group|pathadr|bvhadr|bvhnum|sameframe|rgba|matid)"
    # Meshes: MJX makes its own tables of their faces, from vertices it reads.
    r"|mesh_\w+|geom_aabb|body_(simple|treeid|jntadr|jntnum|margin|contype|conaffinity)"
    r"|dof_(M0|length|simplenum|treeid)|tendon_(tree\w+|width)|numeric_(adr|size)"
    r"|pair_signature|sensor_noise|eq_active0"
    # Where the features are kept that the table names by another field.
    r"|(jnt|tendon)_actuatorid|\w+_history(adr)?|\w*plugin\w*|geom_fluid|actuator_length0"
    # Refused by mjx.put_model: deformable bodies and the slider-crank.
    r"|flex\w*|actuator_cranklength"
)
# Options: of collision routines that MJX does not have, of what only flags switch on that are
# refused, and what goes with an option of the table.
OPTIONS = re.compile(r"(ccd|sdf)_(iterations|tolerance)|o_\w+|sleep_tolerance|noslip_tolerance")


def test_every_field_that_mjx_does_not_read_is_known():
    """Another release of MuJoCo may have more of them; each is a question to answer here."""
    folder = Path(mjx.__file__).parent / "_src"
    unused = ("types.py", "io.py", "render.py", "render_util.py", "bvh.py")
    files = [p for p in folder.glob("*.py") if p.name not in unused and "_test" not in p.name]
    read = set(re.findall(r"\w+", "\n".join(path.read_text() for path in files)))
    source = Path(__file__).parents[2] / "src/dynsparse/environments/left_out.py"
    read |= set(re.findall(r"\w+", source.read_text()))
    some = model()
    for owner, harmless in ((some, HARMLESS), (some.opt, OPTIONS)):
        names = (name for name in dir(owner) if not name.startswith("_"))
        fields = {name for name in names if not callable(getattr(owner, name))}
        assert {name for name in fields - read if not harmless.fullmatch(name)} == set()
