"""Pretrained encoders: how they are found and loaded, and what some kinds of them need."""
