"""Search and training on cached features."""
