"""Looking after the store: verify, repair, list, explain."""
