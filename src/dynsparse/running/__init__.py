"""What the workflow's jobs need around their work: locks, digests of code, programs, a console."""
