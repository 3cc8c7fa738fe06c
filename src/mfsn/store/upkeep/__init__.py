"""Checking, repairing, listing and explaining what is in the store."""
