"""Explain the keys of rows."""
