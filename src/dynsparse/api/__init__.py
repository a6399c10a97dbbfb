"""What ``import dynsparse`` offers; the benchmark alone leans on it (docs/python.md)."""
