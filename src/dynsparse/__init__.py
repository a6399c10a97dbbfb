"""Ground-truth sparsity of simulated dynamics."""
