"""Mergeable statistics of where and when Jacobians are zero."""
