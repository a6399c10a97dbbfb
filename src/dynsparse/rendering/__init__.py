"""Pictures of stored states, by MuJoCo's C engine and renderer."""
