"""One reader per corpus layout."""
