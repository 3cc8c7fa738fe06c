"""Search and training on cached features: the loop, selection, checkpoints, the baseline."""
