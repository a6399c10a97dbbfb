"""What ``import dynsparse`` offers, and nothing else of the library leans on (docs/python.md)."""
