"""Which rows of the store may be deleted."""
