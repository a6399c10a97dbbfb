"""How well zeros, graphs and predictions are found: one function for studies and entries."""
