"""World models: networks that learn a simulator's step, and whether they find its zeros."""
