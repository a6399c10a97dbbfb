"""Policies: behaviours that act in environments, experts and their training."""
