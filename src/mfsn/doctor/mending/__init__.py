"""Bringing back rows that are missing."""
