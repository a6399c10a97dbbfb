"""Two-dimensional maps of the samples of a case, and the stretch of time that is shown of it."""
