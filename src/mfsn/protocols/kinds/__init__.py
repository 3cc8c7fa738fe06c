"""One module for each protocol."""
