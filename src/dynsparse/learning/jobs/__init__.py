"""The jobs of a study: train learners, search settings, score controls."""
