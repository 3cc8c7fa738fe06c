"""Units of work: running several at once, checkpoints, and results that appear whole."""
