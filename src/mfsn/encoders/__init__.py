"""Pretrained encoders: finding, loading, and what single families need."""
