"""Two pendulums side by side, whose bobs touch now and then.

As long as they do not, neither knows of the other: half of the Jacobian is zero.
"""

from typing import Any

import jax
import jax.numpy as jnp
import mujoco
from ml_collections import config_dict
from mujoco import mjx
from mujoco_playground import State
from mujoco_playground._src import mjx_env

MODEL = """
<mujoco model="two pendulums">
  <option timestep="0.005"/>
  <default>
    <joint type="hinge" axis="0 1 0" damping="0.05"/>
    <geom type="sphere" size="0.1" mass="1"/>
    <default class="rod">
      <geom type="capsule" size="0.02" mass="0.1" contype="0" conaffinity="0"/>
    </default>
    <motor ctrllimited="true" ctrlrange="-1 1" gear="4"/>
  </default>
  <asset>
    <texture type="skybox" builtin="gradient" rgb1="1 1 1" rgb2="0.7 0.8 0.9" width="9" height="9"/>
  </asset>
  <worldbody>
    <light pos="0 -2 3" dir="0 0.6 -1"/>
    <camera name="front" pos="0 -2.1 0.75" xyaxes="1 0 0 0 0 1"/>
    <body name="left" pos="-0.15 0 1">
      <joint name="left"/>
      <geom class="rod" fromto="0 0 0 0 0 -0.4"/>
      <geom name="left_bob" pos="0 0 -0.5" rgba="0.2 0.4 0.8 1"/>
    </body>
    <body name="right" pos="0.15 0 1">
      <joint name="right"/>
      <geom class="rod" fromto="0 0 0 0 0 -0.4"/>
      <geom name="right_bob" pos="0 0 -0.5" rgba="0.9 0.5 0.1 1"/>
    </body>
  </worldbody>
  <actuator>
    <motor name="left" joint="left"/>
    <motor name="right" joint="right"/>
  </actuator>
</mujoco>
"""


def default_config() -> config_dict.ConfigDict:
    """What Playground asks of an environment, in its words; times in seconds."""
    return config_dict.create(ctrl_dt=0.02, sim_dt=0.005, episode_length=1000, impl="jax")


class TwoPendulums(mjx_env.MjxEnv):
    """Swing both bobs up."""

    def __init__(
        self,
        config: config_dict.ConfigDict | None = None,
        config_overrides: dict[str, Any] | None = None,
    ) -> None:
        """Read the model; ``config.impl`` says for which of MJX's implementations."""
        super().__init__(config or default_config(), config_overrides)
        self._mj_model = mujoco.MjModel.from_xml_string(MODEL)
        self._mj_model.opt.timestep = self.sim_dt
        self._mjx_model = mjx.put_model(self._mj_model, impl=self._config.impl)

    def reset(self, rng: jax.Array) -> State:
        """Both hang near the bottom, apart from each other."""
        away = jax.random.uniform(rng, (2,), minval=0.0, maxval=1.0)
        data = mjx.make_data(self._mj_model, impl=self._config.impl)
        data = data.replace(qpos=away * jnp.array([1.0, -1.0]))
        data = mjx.forward(self._mjx_model, data)
        zero = jnp.zeros(())
        return State(data, self._observation(data), zero, zero, {}, {})

    def step(self, state: State, action: jax.Array) -> State:
        """The action is the control, held over ``n_substeps`` steps of the simulator."""
        data = mjx_env.step(self._mjx_model, state.data, action, self.n_substeps)
        reward = (1 - jnp.cos(data.qpos)).mean() / 2
        return state.replace(data=data, obs=self._observation(data), reward=reward)

    def _observation(self, data: mjx.Data) -> jax.Array:
        return jnp.concatenate([jnp.cos(data.qpos), jnp.sin(data.qpos), data.qvel])

    @property
    def xml_path(self) -> str:
        """None: the model is in this module."""
        return ""

    @property
    def action_size(self) -> int:
        """A motor each."""
        return int(self._mj_model.nu)

    @property
    def mj_model(self) -> mujoco.MjModel:
        """For MuJoCo's C engine."""
        return self._mj_model

    @property
    def mjx_model(self) -> mjx.Model:
        """For MJX."""
        return self._mjx_model
