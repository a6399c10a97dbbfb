"""Models of others, scored against the truth: tasks, prediction files, cards, leaderboards."""
