"""Any simulation on MuJoCo's C engine: recorded, replayed bit for bit, and differentiated."""
