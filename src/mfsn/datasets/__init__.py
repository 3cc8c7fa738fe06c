"""Cached features for Python: named rows and torch datasets."""
