"""Extractors: from waves to the rows of the cache."""
