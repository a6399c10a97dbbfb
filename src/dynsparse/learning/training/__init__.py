"""Training of all seeds at once, resumable."""
