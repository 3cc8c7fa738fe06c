"""Cached rows, labels and memory for training."""
